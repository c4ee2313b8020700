"""Folders with a kustomization are rendered, top-most ones only, and cached by all that they read."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.manifests import kustomize
from reconciler.manifests.kustomizations import Kustomizations
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.workload import Deployment
from tests.manifests.build import deployment, lines
from tests.source.conftest import until

needs_program = pytest.mark.skipif(
    not any(shutil.which(name) for name, _ in kustomize.PROGRAMS),
    reason="neither kustomize nor kubectl is here",
)
FLEET = Path(__file__).parent / "fleet"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FLEET / "kustomized", tmp_path / "tree"))


@pytest.mark.programs
@needs_program
def test_an_overlay_is_rendered_and_its_base_is_not_read_twice(tree: Path) -> None:
    loaded = load_tree(tree)
    assert lines(loaded) == []
    assert [item.kind for item in loaded.objects] == ["ConfigMap", "Deployment"]
    assert isinstance(loaded.objects[1], Deployment)
    assert loaded.objects[1].spec.replicas == 3
    assert {item.metadata.namespace for item in loaded.objects} == {"home"}


@pytest.mark.programs
@needs_program
def test_nothing_is_rendered_again_while_nothing_changes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = LoadCache()
    first = load_tree(tree, cache=cache)
    rendered: list[Path] = []
    real = kustomize.Renderer.render

    def render(self: kustomize.Renderer, folders: list[Path], top: Path) -> object:
        rendered.extend(folders)
        return real(self, folders, top)

    monkeypatch.setattr(kustomize.Renderer, "render", render)
    assert all(a is b for a, b in zip(load_tree(tree, cache=cache).objects, first.objects, strict=True))
    assert rendered == []
    base = tree / "base" / "deployment.yaml"
    base.write_text(base.read_text().replace("nginx:1.29", "nginx:1.30"))
    assert "nginx:1.30" in repr(load_tree(tree, cache=cache).objects)
    assert rendered == [tree / "overlays" / "home"]


@pytest.mark.programs
@needs_program
def test_findings_name_the_kustomization_and_the_object(tree: Path) -> None:
    base = tree / "base" / "deployment.yaml"
    base.write_text(base.read_text().replace("name: nginx\n", "name: NGINX\n"))
    assert [str(f).split("\n")[0] for f in load_tree(tree).findings] == [
        (
            "overlays/home/kustomization.yaml Deployment home/site spec.template.spec.containers[0].name: "
            'expected a DNS label, found "NGINX"'
        )
    ]


@pytest.mark.programs
@needs_program
def test_what_kustomize_says_is_passed_on(tree: Path) -> None:
    (tree / "overlays" / "home" / "kustomization.yaml").write_text("resources: [nope.yaml]\n")
    findings = load_tree(tree).findings
    assert [f.file for f in findings if "nope.yaml" in f.message] == ["overlays/home/kustomization.yaml"]


def test_without_a_program_it_says_what_to_install(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    findings = load_tree(tree).findings
    assert [(f.file, f.message) for f in findings] == [
        ("overlays/home/kustomization.yaml", "has to be rendered, and neither kustomize nor kubectl is there")
    ]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a shell script in kustomize's place; what it writes to `$HOME` can be looked at."""
    folder, home = tmp_path / "bin", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(home))

    def put(script: str) -> Path:
        (folder / "kustomize").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "kustomize").chmod(0o755)
        return home

    return put


Program = Callable[[str], Path]


@pytest.mark.programs
def test_all_folders_together_have_one_limit_of_time(tree: Path, program: Program) -> None:
    for number in range(6):
        shutil.copytree(tree / "overlays" / "home", tree / "overlays" / f"o{number}")
    home = program("echo $$ >> ~/pids; sleep 1000 & echo $! >> ~/pids; wait")
    began = time.monotonic()
    findings = load_tree(tree, renderer=kustomize.Renderer(seconds=1.0)).findings
    assert (
        len([f for f in findings if "hadn't ended when the 1 s for all folders were over" in f.message]) == 7
    )
    assert time.monotonic() - began < 25, "one second each would be well, but sixty were given to each"
    assert not [pid for pid in (home / "pids").read_text().split() if alive(int(pid))]


@pytest.mark.programs
def test_whoever_is_told_to_end_waits_for_nothing(tree: Path, program: Program) -> None:
    home = program("echo $$ > ~/pid; exec sleep 1000")
    renderer = kustomize.Renderer(seconds=300.0)
    with ThreadPoolExecutor(1) as other:
        loaded = other.submit(load_tree, tree, renderer=renderer)
        until(lambda: (home / "pid").exists() and (home / "pid").read_text())
        renderer.stop()
        assert "told to end" in loaded.result(60).findings[0].message
    assert not alive(int((home / "pid").read_text()))


@pytest.mark.programs
def test_what_is_printed_without_an_end_is_cut_off(tree: Path, program: Program) -> None:
    program("yes 'a: b'")
    assert "renders to more than 20,000,000 bytes" in load_tree(tree).findings[0].message


@pytest.mark.programs
def test_a_program_that_takes_too_much_memory_is_said_in_words(tree: Path, program: Program) -> None:
    program("echo 'fatal error: runtime: cannot allocate memory' >&2; exit 2")
    assert "takes more than 1,024 MB of memory" in load_tree(tree).findings[0].message


@pytest.mark.programs
def test_nothing_of_our_environment_is_shown_to_it(
    tree: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    home = program("env > ~/env")
    load_tree(tree)
    given = (home / "env").read_text()
    assert "hunter2" not in given
    assert "GIT_ALLOW_PROTOCOL=none" in given


@pytest.mark.programs
def test_its_words_are_whole_and_name_the_files_as_the_repository_does(tree: Path, program: Program) -> None:
    chain = "accumulating resources from " * 40
    program(f'echo "Error: {chain} $2/deployment.yaml: no such file" >&2; exit 1')
    message = load_tree(tree).findings[0].message
    assert message.startswith("kustomize failed: … ")
    assert message.removeprefix("kustomize failed: … ").split()[0] in ("accumulating", "resources", "from")
    assert message.endswith(" overlays/home/deployment.yaml: no such file")


@pytest.mark.programs
def test_the_tree_itself_is_named_too(tree: Path, program: Program) -> None:
    program(f"echo \"Error: candidate root '{tree}' contains '{tree}/base'\" >&2; exit 1")
    message = load_tree(tree).findings[0].message
    assert message == "kustomize failed: candidate root '.' contains 'base'"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_only_top_most_folders_are_rendered(tmp_path: Path) -> None:
    def folder(name: str, text: str) -> Path:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "kustomization.yaml").write_text(text)
        return tmp_path / name

    base = folder("base", "resources: []")
    component = folder("component", "kind: Component")
    one = folder("one", "resources: [../base]\ncomponents: [../component]")
    two = folder("two", "bases: [../base, https://example.com/x]")
    circle = [folder("x", "resources: [../y]"), folder("y", "resources: [../x]")]
    known = Kustomizations(tmp_path, tmp_path)
    assert known.top_most([base, component, one, two, *circle]) == [one, two, *circle]


def test_plain_files_beside_are_read_as_always(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "plain.yaml").write_text(deployment())
    monkeypatch.setattr(kustomize.Renderer, "render", lambda *_: [b""])
    assert [item.metadata.name for item in load_tree(tree).objects] == ["web"]
