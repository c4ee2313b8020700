"""Folders with a kustomization are rendered, top-most ones only, and cached by all that they read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.manifests import kustomize
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.workload import Deployment
from tests.manifests.build import deployment, lines

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
    real = kustomize.render
    monkeypatch.setattr("reconciler.manifests.load.render", lambda f: rendered.append(f) or real(f))
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


def test_a_program_that_never_ends_is_stopped(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("kustomize", 60)

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", never)
    assert "took longer than 60 s" in load_tree(tree).findings[0].message


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
    assert kustomize.top_most([base, component, one, two, *circle]) == [one, two, *circle]


def test_plain_files_beside_are_read_as_always(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "plain.yaml").write_text(deployment())
    monkeypatch.setattr("reconciler.manifests.load.render", lambda folder: b"")
    assert [item.metadata.name for item in load_tree(tree).objects] == ["web"]
