"""What a directory brings, and what it can't read."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import SourceError
from reconciler.source import contents
from reconciler.source.directory import Directory
from reconciler.source.scan import Changed
from tests.source.conftest import shown

NOBODY = 65534


def test_brings_a_copy_that_later_edits_do_not_touch(source: Directory, folder: Path) -> None:
    snapshot = source.fetch()
    (folder / "apps" / "a.yaml").write_text("a: 2\n")
    assert shown(snapshot.root) == {"apps/a.yaml": "a: 1\n"}
    assert shown(source.fetch().root) == {"apps/a.yaml": "a: 2\n"}
    older = source.at(snapshot.revision.id)
    assert older is not None and shown(older.root) == {"apps/a.yaml": "a: 1\n"}


def test_the_revision_is_a_digest_of_what_is_there(source: Directory, folder: Path, tmp_path: Path) -> None:
    first = source.fetch().revision
    assert first.id.startswith("dir-")
    (folder / "apps" / "a.yaml").touch()
    assert source.fetch().revision.id == first.id, "the same content"
    shutil.copytree(folder, tmp_path / "copy")
    assert Directory(tmp_path / "copy", tmp_path / "c2").fetch().revision.id == first.id
    (folder / "apps" / "a.yaml").rename(folder / "apps" / "b.yaml")
    assert source.fetch().revision.id != first.id, "another name"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b", "e/f/a"]), st.binary(max_size=20)),
    st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b", "e/f/a"]), st.binary(max_size=20)),
)
def test_equal_digests_are_equal_contents(
    tmp_path: Path, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    digests = []
    for files in (one, other):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        digests.append(contents.read(root)[0])
    assert (digests[0] == digests[1]) == (one == other)


def test_links_hidden_folders_and_leftovers(source: Directory, folder: Path) -> None:
    (folder / "link.yaml").symlink_to("apps/a.yaml")
    (folder / "out.yaml").symlink_to("/etc/passwd")
    for name in (".git/config", ".venv/x.yaml", "apps/.a.yaml.swp", "apps/a.yaml~", "apps/.#a.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        if "#" in name:
            (folder / name).symlink_to("ada@host:1")  # as Emacs does
        else:
            (folder / name).write_text("x")
    assert shown(source.fetch().root) == {
        "apps/a.yaml": "a: 1\n",
        "link.yaml": "-> apps/a.yaml",
        "out.yaml": "-> /etc/passwd",
    }


def test_a_cache_inside_of_the_directory_is_not_its_content(folder: Path) -> None:
    source = Directory(folder, folder / "cache")
    first = source.fetch().revision.id
    assert source.fetch().revision.id == first


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file or directory"):
        Directory(tmp_path / "none", tmp_path / "cache").fetch()


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="Not a directory"):
        Directory(tmp_path / "file", tmp_path / "cache").fetch()


def test_an_unreadable_file_is_never_a_missing_one() -> None:
    with TemporaryDirectory() as name, nobody(Path(name)):
        (Path(name) / "a.yaml").touch(mode=0)
        with pytest.raises(SourceError, match="Permission denied"):
            Directory(Path(name), Path(name) / ".cache").fetch()


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Root may read everything: be somebody who may not, and whose folder this is."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("call", ["open", "scandir"])
def test_a_read_error_is_never_a_missing_file(
    source: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    good = source.fetch()
    real = getattr(os, call)

    def broken(path: object, *args: object, **kwargs: object) -> object:
        if str(path).startswith(str(folder / "apps")):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    (folder / "apps" / "b.yaml").touch()
    monkeypatch.setattr(os, call, broken)
    with pytest.raises(SourceError, match="Permission denied"):
        source.fetch()
    assert source.latest() == good


def test_a_pipe_in_place_of_a_manifest(source: Directory, folder: Path) -> None:
    os.mkfifo(folder / "x.yaml")
    with pytest.raises(SourceError, match="isn't a regular file"):
        source.fetch()


def test_a_socket_elsewhere_is_no_content(
    source: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = source.fetch().revision.id
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # a Unix socket's path has 107 bytes at most
        listening.bind("s.sock")
        assert source.fetch().revision.id == before


def test_a_file_that_changes_while_it_is_read_is_read_again(
    source: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "RETRY_S", 0.0)
    real, times = contents.scan, []

    def scan(root: Path, skip: Path | None = None) -> object:
        found = real(root, skip)
        times.append(1)
        if len(times) < 4:
            (folder / "apps" / "a.yaml").write_text(f"a: {len(times)}\n")
        return found

    monkeypatch.setattr(contents, "scan", scan)
    assert shown(source.fetch().root) == {"apps/a.yaml": "a: 3\n"}


def test_files_that_never_stand_still(source: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(root: Path, skip: Path | None = None) -> object:
        raise Changed

    monkeypatch.setattr(contents, "RETRY_S", 0.0)
    monkeypatch.setattr(contents, "scan", scan)
    with pytest.raises(SourceError, match="keep changing"):
        source.fetch()


def test_a_directory_that_is_far_too_big(source: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.source.scan.MAX_FILES", 0)
    with pytest.raises(SourceError, match="holds more than"):
        source.fetch()


@pytest.mark.programs
def test_one_shot_imports_neither_git_nor_watchdog(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from reconciler.source.open import open_path;"
        f"open_path({str(folder)!r}, Path({str(tmp_path / 'c')!r})).fetch();"
        "print([m for m in ('git', 'watchdog', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
