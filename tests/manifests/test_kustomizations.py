"""What a kustomization may name: paths of its own tree. All else is refused before anything is rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests import kustomizations, kustomize
from reconciler.manifests.kustomizations import Kustomizations
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.finding import Finding
from tests.manifests.build import lines

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
BUILTIN = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`tree/app`, a base beside it, and a folder outside of the tree. Nothing of it is ever rendered."""
    for name in ("tree/app", "tree/base", "outside"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "cm.yaml").write_text(CONFIG)
    for name in ("tree/base", "outside"):
        (tmp_path / name / "kustomization.yaml").write_text("resources: [cm.yaml]\n")
    (tmp_path / "tree/app/link").symlink_to("../../outside")
    return tmp_path / "tree"


def found(tree: Path, text: str, *, remote: bool = False) -> tuple[Finding, ...]:
    (tree / "app" / "kustomization.yaml").write_text(text)
    known = Kustomizations(tree, tree, remote=remote)
    return tuple(finding for one in known.closure(tree / "app") for finding in one.findings)


@pytest.mark.parametrize(
    "text",
    [
        "resources: [../../outside]",
        "resources: [../../../../../../../../../..]",
        "resources: [link]",
        "resources: [link/cm.yaml]",
        "resources: [OUTSIDE]",
        "Resources: [../../outside]",
        "RE\u017fources: [../../outside]",
        "bases: [../../outside]",
        "components: [../../outside]",
        "generators: [../../outside]",
        "transformers: [../../outside]",
        "validators: [../../outside/cm.yaml]",
        "crds: [../../outside/cm.yaml]",
        "configurations: [../../outside/cm.yaml]",
        "openapi: {path: ../../outside/cm.yaml}",
        "patches: [{path: ../../outside/cm.yaml}]",
        "patchesStrategicMerge: [../../outside/cm.yaml]",
        "patchesJson6902: [{path: ../../outside/cm.yaml}]",
        "replacements: [{path: ../../outside/cm.yaml}]",
        "configMapGenerator: [{name: a, files: [../../outside/cm.yaml]}]",
        "configMapGenerator: [{name: a, files: [key=/etc/passwd]}]",
        "secretGenerator: [{name: a, envs: [../../outside/cm.yaml]}]",
        "secretGenerator: [{name: a, env: ../../outside/cm.yaml}]",
        "x: &a {resources: [../../outside]}\n<<: *a",
    ],
)
def test_nothing_leads_out_of_the_tree(tree: Path, text: str) -> None:
    said = found(tree, text.replace("OUTSIDE", str(tree.parent / "outside")))
    assert {("leads out of the tree" in f.message, f.file, f.rule) for f in said} == {
        (True, "app/kustomization.yaml", "kustomize")
    }
    assert said[0].line or "<<" in text, "where a merged value was written isn't known"


@pytest.mark.parametrize(
    "text",
    [
        "resources: ['https://example.net/a.yaml']",
        "resources: ['git::https://example.net/a']",
        "resources: ['git@example.net:a/b.git']",
        "resources: ['ssh://git@example.net/a']",
        "resources: ['github.com/a/b?ref=v1']",
        "resources: ['GitHub.com/a/b']",
        "resources: ['gh:a/b']",
        "components: ['https://example.net/a//b?ref=v1']",
        "transformers: ['https://example.net/a.yaml']",
        "crds: ['http://192.0.2.1/a']",
        "patches: [{path: 'http://127.0.0.1:7420/status'}]",
        "configMapGenerator: [{name: a, files: ['x=http://127.0.0.1:7420/status']}]",
        f'generators: ["{(BUILTIN + "path: http://127.0.0.1/x").encode("unicode_escape").decode()}"]',
        "generators: ['{apiVersion: builtin, kind: ConfigMapGenerator, files: [\"http://127.0.0.1/\"]}']",
        "transformers: [plugin.yaml]",
    ],
)
def test_nothing_is_read_from_another_machine_unless_the_owner_allows_it(tree: Path, text: str) -> None:
    items = BUILTIN + "path: http://127.0.0.1/x\n"
    (tree / "app" / "plugin.yaml").write_text(items)
    said = found(tree, text)
    assert ["would be read from another machine" in f.message for f in said] == [True]
    assert "spec.manifests.remoteBases: allow" in said[0].remedy
    assert found(tree, text, remote=True) == ()


@pytest.mark.parametrize("url", ["file:///etc", "git::file:///srv/git/other.git"])
def test_a_repository_of_this_machine_is_never_read(tree: Path, url: str) -> None:
    said = found(tree, f"resources: ['{url}']", remote=True)
    assert ["is a repository on this machine" in f.message for f in said] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "resources: [!!binary Li4vLi4vb3V0c2lkZQ==]",
        "resources: [cm.yaml]\n---\nresources: [../../outside]",
        'resources: ["a\\0b"]',
        "resources: [17]",
        "resources: {}",
        "a: [",
        "- a",
        "transformers: [../base]",
        "helmCharts: [{name: x, repo: 'https://example.net'}]",
    ],
)
def test_what_cannot_be_read_as_kustomize_does_is_not_rendered(tree: Path, text: str) -> None:
    assert len(found(tree, text)) == 1


@pytest.mark.parametrize("text", ["x" * 300, "/".join(["y" * 200] * 40), "cm.yaml/x", "*", "-", "~"])
def test_a_path_that_no_file_can_have_is_kustomizes_to_tell(tree: Path, text: str) -> None:
    for field in ("resources", "transformers", "crds"):
        assert not found(tree, f'{field}: ["{text}"]')


def test_what_is_of_the_tree_is_well(tree: Path) -> None:
    (tree / "app" / "e.env").write_text("# settings\n\nA=1\n")
    (tree / "app" / "web@2x.png").write_bytes(b"x")
    assert not found(
        tree,
        "resources: [../base, cm.yaml]\n"
        "labels: [{pairs: {a: b}, fields: [{path: metadata/labels, create: true}]}]\n"
        "commonAnnotations: {homepage: 'https://example.net'}\n"
        "patches: [{patch: '- {op: add, path: /metadata/x, value: https://example.net}'}]\n"
        "configMapGenerator: [{name: c, envs: [e.env], files: [web@2x.png, a=cm.yaml]}]\n",
    )


def test_a_base_may_lie_beside_the_folder_that_the_source_names(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`spec.source.git.path: app`, and bases elsewhere in the repository."""
    (tree / "app" / "kustomization.yaml").write_text("resources: [../base]\n")
    monkeypatch.setattr(kustomize.Renderer, "render", lambda *_: [CONFIG.encode()])
    assert lines(load_tree(tree / "app", tree=tree)) == []
    assert "leads out of the tree" in lines(load_tree(tree / "app"))[0]
    (tree / "base" / "kustomization.yaml").write_text("resources: [../../outside]\n")
    finding = load_tree(tree / "app", tree=tree).findings[0]
    assert (finding.file, finding.line) == ("../base/kustomization.yaml", 1)


def test_an_env_file_takes_nothing_from_our_environment(tree: Path) -> None:
    """kustomize reads a line without `=` as a variable of its own process."""
    (tree / "app" / "e.env").write_text("A=1\nTOKEN\n")
    said = found(tree, "secretGenerator: [{name: s, envs: [e.env]}]")
    assert [f.message for f in said] == ['"e.env" takes TOKEN from the environment']


def test_nothing_outside_is_read_to_know_the_folder_again(tree: Path) -> None:
    """A link counts as its text; the same files at another place are the same."""
    (tree / "app" / "kustomization.yaml").write_text("resources: [cm.yaml]\n")
    before = Kustomizations(tree, tree).digest(tree / "app")
    (tree.parent / "outside" / "cm.yaml").write_text("changed")
    assert Kustomizations(tree, tree).digest(tree / "app") == before
    moved = tree.rename(tree.with_name("moved"))
    assert Kustomizations(moved, moved).digest(moved / "app") == before
    (moved / "app" / "cm.yaml").write_text("changed")
    assert Kustomizations(moved, moved).digest(moved / "app") != before


def test_another_revision_with_the_same_files_is_not_rendered_again(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def render(_: object, folders: list[Path], __: Path) -> list[bytes]:
        runs.append(len(folders))
        return [CONFIG.encode()] * len(folders)

    monkeypatch.setattr(kustomize.Renderer, "render", render)
    (tree / "app" / "kustomization.yaml").write_text("resources: [cm.yaml]\n")
    cache = LoadCache()
    first = load_tree(tree / "app", tree=tree, cache=cache)
    again = load_tree(tree.rename(tree.with_name("next")) / "app", tree=tree.with_name("next"), cache=cache)
    assert first.objects[0] is again.objects[0]
    assert runs == [1]


def test_thousands_of_them_cost_no_more_than_is_bounded(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain, of which each is one to be rendered, too, if it is counted by what it leads to."""
    monkeypatch.setattr(kustomizations, "MAX_KUSTOMIZATIONS", 10)
    folders = [tree / f"k{number}" for number in range(20)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(f"resources: [../k{number + 1}]\n")
    said = [finding for one in Kustomizations(tree, tree).closure(folders[0]) for finding in one.findings]
    assert [f.message for f in said] == ["there are more than 10 kustomizations"]


def test_a_file_that_many_folders_share_is_read_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(kustomizations, "_content", lambda file: read.append(file) or b"")
    (tree / "app" / "kustomization.yaml").write_text("resources: [../base]\n")
    known = Kustomizations(tree, tree)
    known.digest(tree / "app")
    known.digest(tree / "base")
    assert len(read) == len(set(read))
