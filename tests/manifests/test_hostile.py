"""Files that no honest repository holds: one clear finding each, in bounded time, never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reconciler.manifests.limits import MAX_FILE_BYTES
from reconciler.manifests.load import load_tree
from reconciler.manifests.parse import parse
from tests.manifests.build import deployment, lines

GOOD = deployment().encode()
TEMPLATE = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: a}\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff\xfe" + GOOD.decode().encode("utf-16-le"), "is UTF-16 or UTF-32"),
        (b"a: \xe4\n", "isn't UTF-8 text"),
        (b"\x7fELF\x00\x01", "is binary"),
        (b"a: 1\nb: \x00\n", "is binary"),
        (b"a: \x1b[31m\n", "unreadable character"),
        (b"[" * 100_000, "nested more than"),
        (b"a: &a [*a, *a]", "has no anchor before it"),
        (b"a: 1\na: 2\n", "stands here twice"),
        (b"a:\n\t- b\n", "a tab"),
        (b"- 1\n- 2\n", "expected an object with apiVersion and kind, found a list"),
        (b"just text\n", "expected an object with apiVersion and kind, found"),
        (b"{}", "apiVersion is missing"),
        (b"apiversion: v1\nkind: Pod\n", "apiVersion is missing"),
        (b"apiVersion: v1\nkind: 3\n", "expected a string, found 3"),
        (b"apiVersion: v1\nkind: List\nitems: 5\n", "expected a list, found 5"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: 3\nspec: x\n", "expected a mapping, found 3"),
        (b"apiVersion: [v1]\nkind: {a: b}\n", "expected a string, found a list"),
        (b"apiVersion: v1\nkind: Fleet\n", "expected reconciler.io/v1"),
        (b"kind: Fleet\nmetadata: []\n", "expected reconciler.io/v1, found nothing"),
    ],
)  # fmt: skip
def test_each_is_refused_with_a_clear_sentence(data: bytes, expected: str) -> None:
    findings = parse("a.yaml", data).findings
    assert findings
    assert expected in findings[0].message
    assert findings[0].severity == "error"


def test_utf8_with_a_byte_order_mark_is_fine() -> None:
    assert parse("a.yaml", b"\xef\xbb\xbf" + GOOD) == parse("a.yaml", GOOD)


def test_windows_line_ends_are_fine() -> None:
    parsed = parse("a.yaml", GOOD.replace(b"\n", b"\r\n"))
    assert [entry.item for entry in parsed.entries] == [entry.item for entry in parse("a.yaml", GOOD).entries]


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(100_000_000)
    began = time.thread_time()
    found = lines(load_tree(tmp_path))
    assert time.thread_time() - began < 5
    assert found == ["has 100.0 MB, and 5 MB are the most that is read"]


def test_the_largest_file_that_is_read_takes_bounded_time() -> None:
    data = b"- []\n" * (MAX_FILE_BYTES // 5)
    began = time.thread_time()
    assert "holds more than" in parse("a.yaml", data).findings[0].message
    assert time.thread_time() - began < 10


def test_a_long_number_is_no_trap() -> None:
    parsed = parse("a.yaml", deployment(spec="replicas: " + "9" * 100_000).encode())
    assert len(parsed.findings[0].message) < 200


def test_devices_pipes_and_sockets_are_not_opened_for_long(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert lines(load_tree(tmp_path)) == ["isn't a regular file"]


def test_links_out_of_the_tree_are_refused(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "secret.yaml").write_text("password: hunter2")
    (tree / "out.yaml").symlink_to("../secret.yaml")
    (tree / "dir").symlink_to(tmp_path)
    (tree / "gone.yaml").symlink_to("nowhere.yaml")
    loaded = load_tree(tree)
    assert [str(f).split("\n")[0] for f in loaded.findings] == [
        f"dir: links out of the tree, to {tmp_path}",
        "gone.yaml: links to nowhere.yaml, which isn't there",
        "out.yaml: links out of the tree, to ../secret.yaml",
    ]
    assert "hunter2" not in repr(loaded)


def test_a_link_inside_the_tree_is_read_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(GOOD)
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    loaded = load_tree(tmp_path)
    assert lines(loaded) == []
    assert len(loaded.objects) == 1


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    (tmp_path / "loop").symlink_to(".")
    assert len(load_tree(tmp_path).findings) == 2


def test_an_unreadable_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert lines(load_tree(tmp_path)) == ["can't be read: Permission denied"]


def test_hidden_files_and_other_suffixes_are_left_out(tmp_path: Path) -> None:
    for name in (".hidden.yaml", "README.md", ".git/x.yaml", ".github/workflows/ci.yml", "values.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("not: [a manifest")
    loaded = load_tree(tmp_path)
    assert (loaded.findings, loaded.files) == ((), 0)


def test_a_template_of_nothing_but_arguments_takes_bounded_time() -> None:
    declared = ", ".join(f"{{name: argument-{n}, value: a}}" for n in range(1000))
    metric = "{{name: m{0}, count: '{{{{args.argumant-{0}}}}}', provider: {{web: {{url: 'http://a'}}}}}}"
    metrics = ", ".join(metric.format(n) for n in range(5000))
    text = f"{TEMPLATE}spec: {{args: [{declared}], metrics: [{metrics}]}}"
    began = time.thread_time()
    found = parse("a.yaml", text.encode()).findings
    assert time.thread_time() - began < 20
    assert sum("there is no argument" in f.message for f in found) == 100


def test_many_labels_with_arguments_take_bounded_time() -> None:
    labels = ", ".join(f'a{n}: "{{{{args.b}}}}"' for n in range(60_000))
    pod = "{restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}"
    job = f"{{spec: {{template: {{metadata: {{labels: {{{labels}}}}}, spec: {pod}}}}}}}"
    metrics = f"[{{name: a, provider: {{job: {job}}}}}]"
    text = f"{TEMPLATE}spec: {{args: [{{name: b}}], metrics: {metrics}}}"
    began = time.thread_time()
    assert parse("a.yaml", text.encode()).findings == ()
    assert time.thread_time() - began < 20
