"""`reconciler validate` as a person and a CI job meet it."""

# ruff: noqa: E501 - a program on one line
from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reconciler.cli.validate import command
from tests.manifests.build import deployment
from tests.source.conftest import until

FLEET = Path(__file__).parents[1] / "manifests" / "fleet"
WRONG = deployment(spec="replicas: three")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to stand in. The command turns the garbage collector off, for a process of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("RECONCILER_FLEET", raising=False)
    yield tmp_path
    gc.enable()


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output; the code is what the command returns to `cli.main`."""
    result: Result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_a_good_tree(here: Path) -> None:
    (here / "a.yaml").write_text(deployment())
    assert run() == (0, "1 object in 1 file: ok\n")


def test_every_error_with_line_path_and_remedy(here: Path) -> None:
    (here / "apps").mkdir()
    (here / "apps" / "web.yaml").write_text(WRONG)
    (here / "two.yaml").write_text("kind: Pod\n")
    code, text = run()
    assert code == 1
    assert 'apps/web.yaml:8 spec.replicas: expected an integer, found "three"\n' in text
    assert "two.yaml:1: apiVersion is missing\n  add it; supported kinds are" in text
    assert text.endswith("0 objects in 2 files: 2 errors\n")


def test_names_are_as_seen_from_here(here: Path) -> None:
    (here / "apps").mkdir()
    (here / "apps" / "web.yaml").write_text(WRONG)
    for path in ("apps", "apps/web.yaml", "./apps"):
        assert run(path)[1].startswith("apps/web.yaml:8 spec.replicas")


def test_several_paths(here: Path) -> None:
    for name in ("a", "b", "c"):
        (here / name).mkdir()
        (here / name / "x.yaml").write_text(deployment(name=name))
    assert run("a", "b/x.yaml") == (0, "2 objects in 2 files: ok\n")


def test_warnings_and_notes_pass_unless_strict(here: Path) -> None:
    (here / "a.yaml").write_text(deployment("serviceAccountName: x").replace("nginx:1.29", "nginx"))
    code, text = run()
    assert code == 0
    assert text.endswith("1 object in 1 file: ok, 1 warning, 1 note\n")
    assert run("--strict")[0] == 1


def test_notes_alone_pass_also_when_strict(here: Path) -> None:
    (here / "a.yaml").write_text(deployment("serviceAccountName: x"))
    assert run("--strict")[0] == 0


def test_json(here: Path) -> None:
    (here / "a.yaml").write_text(WRONG)
    code, text = run("-o", "json")
    assert code == 1
    answer = json.loads(text)
    assert (answer["objects"], answer["files"], answer["ok"]) == (0, 1, False)
    assert answer["findings"][0] == {
        "file": "a.yaml",
        "message": 'expected an integer, found "three"',
        "severity": "error",
        "line": 8,
        "column": 3,
        "path": "spec.replicas",
        "object": "Deployment default/web",
        "found": '"three"',
        "expected": "an integer",
        "remedy": "",
        "rule": "schema",
    }


def test_github_annotations(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (here / "50%,a.yaml").write_text(WRONG)
    (here / "b.yaml").write_text(deployment(name="b").replace("nginx:1.29", "nginx"))
    text = run()[1]
    assert (
        '::error file=50%25%2Ca.yaml,line=8,col=3::spec.replicas: expected an integer, found "three"\n'
        in text
    )
    assert "::warning file=b.yaml,line=" in text
    assert "%0Aname a version" in text
    assert run("-o", "text")[1].startswith("50%,a.yaml:8 spec.replicas")


def test_the_inventory_beside_is_used_and_checked_once(here: Path) -> None:
    (here / "nodes.yaml").write_text((FLEET / "nodes.yaml").read_text().replace("name: pi-2", "name: pi-1"))
    (here / "a.yaml").write_text(deployment("nodeName: pi-9"))
    text = run()[1]
    assert text.count('a second node is called "pi-1"') == 1
    assert 'no node is called "pi-9"' in text


def test_the_inventory_of_the_folder_is_used(here: Path) -> None:
    (here / "fleet").mkdir()
    (here / "fleet" / "nodes.yaml").write_text((FLEET / "nodes.yaml").read_text())
    (here / "fleet" / "a.yaml").write_text(deployment("nodeName: pi-9"))
    assert 'fleet/a.yaml:16 spec.template.spec.nodeName: no node is called "pi-9"' in run("fleet")[1]


def test_an_inventory_elsewhere(here: Path) -> None:
    (here / "a.yaml").write_text(deployment("nodeName: pi-9"))
    assert run()[0] == 0
    assert run("-f", str(FLEET / "nodes.yaml"))[0] == 1
    code, text = run("-f", "nope.yaml")
    assert code == 1
    assert "nope.yaml: can't be read: No such file or directory" in text


def test_the_inventory_alone(here: Path) -> None:
    (here / "nodes.yaml").write_text((FLEET / "nodes.yaml").read_text())
    assert run("nodes.yaml") == (0, "0 objects in 1 file: ok\n")


@pytest.mark.programs
def test_a_path_that_is_not_there_is_wrong_usage(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "validate", "nope"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no nope" in done.stderr


@pytest.mark.programs
def test_nothing_heavy_is_imported(here: Path) -> None:
    (here / "a.yaml").write_text(deployment())
    code = (
        "import sys\nfrom reconciler.cli import run\nsys.argv[1:] = ['validate']\nassert run() == 0\n"
        "print(*{'paramiko', 'docker', 'aiohttp', 'jsonschema', 'rich', 'git', 'hashlib', 'subprocess'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "1 object in 1 file: ok\n\n"


@pytest.mark.programs
def test_sigterm_ends_it_and_what_it_started(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "bin").mkdir()
    (here / "bin" / "kustomize").write_text(f"#!/bin/sh\necho $$ > {here}/pid\nexec sleep 1000\n")
    (here / "bin" / "kustomize").chmod(0o755)
    (here / "kustomization.yaml").write_text("resources: []\n")
    monkeypatch.setenv("PATH", f"{here}/bin:{os.environ['PATH']}")
    process = subprocess.Popen([sys.executable, "-m", "reconciler.cli", "validate"])
    until(lambda: (here / "pid").exists() and (here / "pid").read_text() != "")
    process.terminate()
    began = time.monotonic()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 20
    until(lambda: not Path(f"/proc/{(here / 'pid').read_text().strip()}").exists())


@pytest.mark.programs
def test_an_overlay_alone_may_read_its_base_in_the_same_repository(here: Path) -> None:
    (here / ".git").mkdir()
    for name, text in (("base", "resources: [cm.yaml]"), ("overlay", "resources: [../base]")):
        (here / name).mkdir()
        (here / name / "kustomization.yaml").write_text(text)
    (here / "base" / "cm.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert run("overlay") == (0, "1 object in 1 file: ok\n")
    (here / ".git").rename(here / "overlay" / ".git")
    assert "leads out of the tree" in run("overlay")[1]
