"""What a person meets where no lab can run, or who asks for something odd. No lab is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.lab import command
from reconciler.errors import LabError
from reconciler.lab import Lab, down, requirements


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this were root on Linux with everything installed."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "missing_programs", list)
    monkeypatch.setattr(requirements, "succeeds", lambda _: True)
    monkeypatch.setattr(requirements, "program", str)


@pytest.mark.parametrize("verb", ["up", "down", "status"])
def test_without_root_each_verb_says_so_in_one_sentence(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = CliRunner().invoke(command, [verb])
    assert isinstance(result.exception, LabError)
    assert str(result.exception) == "a lab needs root: it makes network namespaces and starts Docker engines"


def test_without_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(LabError, match=r"^a lab needs Linux's namespaces, and this is darwin$"):
        requirements.check()


def test_root_without_privileges(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "succeeds", lambda _: False)
    monkeypatch.setattr(requirements, "program", str)
    with pytest.raises(
        LabError, match=r"^a lab needs namespaces, and this container's root may not make any$"
    ):
        requirements.check()


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (["dockerd", "docker", "containerd"], "containerd docker.io"),
        (["docker"], "docker-cli"),
        (["docker-registry", "sshd"], "docker-registry openssh-server"),
    ],
)
def test_missing_programs_are_named_with_their_packages(
    allowed: None, monkeypatch: pytest.MonkeyPatch, found: list[str], wanted: str
) -> None:
    """An engine that is there, whoever made it, is never asked for again."""
    monkeypatch.setattr(requirements, "missing_programs", lambda: found)
    with pytest.raises(LabError) as caught:
        requirements.check()
    assert caught.value.message == f"a lab needs {', '.join(found)}, which this machine doesn't have"
    assert caught.value.remedy == f"apt-get install --no-install-recommends {wanted}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "Web_1"}, "name 'Web_1': expected at most 40 of a-z, 0-9 and inner dashes"),
        ({"prefix": "a;b"}, "prefix 'a;b': expected at most 40 of a-z, 0-9 and inner dashes"),
        ({"nodes": 0}, "0 nodes: expected 1 to 240"),
        ({"nodes": 241}, "241 nodes: expected 1 to 240"),
    ],
)
def test_odd_requests(allowed: None, tmp_path: Path, arguments: dict[str, str], says: str) -> None:
    with pytest.raises(LabError) as caught:
        Lab.up(directory=tmp_path / "lab", **arguments)  # type: ignore[arg-type]  # one of each type
    assert str(caught.value) == says
    assert not (tmp_path / "lab").exists()


def test_a_directory_too_deep_for_a_socket(allowed: None, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    with pytest.raises(LabError, match=r"a Unix socket's path at most 107\n  choose a shorter --dir"):
        Lab.up(directory=deep)
    assert not deep.exists()


def test_a_lab_that_isnt_there(allowed: None, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no lab web\n  start one: reconciler lab up"):
        Lab.find("web", tmp_path)


def test_a_broken_state_file_is_named(allowed: None, tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text("{")
    with pytest.raises(LabError, match=r"lab.json: not a lab's state"):
        Lab.find("web", tmp_path)


def test_a_foreign_file_named_nodes_isnt_taken_for_a_labs(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes.yaml").touch()
    down.remove_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nodes", "nodes.yaml"]
