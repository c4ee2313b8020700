"""What can't be read for now isn't refused for good."""

from __future__ import annotations

import errno
import os

import pytest

from reconciler.loop import reading as reading_module
from reconciler.loop.wanted import Wanted
from reconciler.manifests import files as files_module
from reconciler.manifests import load as load_module
from reconciler.model.progress import Progress
from reconciler.supervision import Supervised
from tests.loop.test_wanted import FLEET, WEB, Folders, deployment, failed, folders

__all__ = ["folders"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "AGAIN_S", 0.0)


def refuse(*_: object, **__: object) -> int:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def out_of_memory(*_: object, **__: object) -> bytes:
    raise MemoryError


def no_thread(_: Supervised) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("call", ["open", "scandir"])
def test_a_revision_that_came_while_no_file_was_left_is_read_again(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    folders.push("one", deployment("web:v1"))
    wanted = Wanted(FLEET, folders)
    with monkeypatch.context() as without:
        without.setattr(files_module.os, call, refuse)
        assert wanted.update(Progress()) is None
        assert wanted.refusal is not None
        assert "can't be read for now: Too many open files" in str(wanted.refusal.error)
    found = wanted.update(Progress())
    assert found is not None
    assert found.revision.id == "one"
    assert wanted.refusal is None


def test_a_revision_that_came_while_memory_was_short_is_read_again(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.push("one", deployment("web:v1"))
    wanted = Wanted(FLEET, folders)
    with monkeypatch.context() as without:
        without.setattr(load_module, "read_bytes", out_of_memory)
        assert wanted.update(Progress()) is None
    assert wanted.update(Progress()) is not None


def test_a_revision_that_came_while_no_thread_was_to_be_had_is_read_later(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.push("one", deployment("web:v1"))
    wanted = Wanted(FLEET, folders)
    with monkeypatch.context() as without:
        without.setattr(Supervised, "start", no_thread)
        with pytest.raises(RuntimeError):
            wanted.update(Progress())
    assert wanted.update(Progress()) is not None


def test_an_older_revision_that_couldnt_be_read_for_now_is_there_later(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.push("one", deployment("web:v1"))
    before = Wanted(FLEET, folders).update(Progress())
    assert before is not None
    folders.push("two", deployment("web:v2"))
    wanted = Wanted(FLEET, folders)
    now = wanted.update(Progress())
    assert now is not None
    rollback = failed(now.hashes[WEB], before.hashes[WEB], "one")
    with monkeypatch.context() as without:
        without.setattr(files_module.os, "open", refuse)
        found = wanted.update(rollback)
        assert found is not None
        assert not found.stable
    found = wanted.update(rollback)
    assert found is not None
    assert found.stable[WEB].revision.id == "one"


def test_what_is_wrong_in_a_manifest_isnt_read_again(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.push("one", "kind: [")
    wanted = Wanted(FLEET, folders)
    assert wanted.update(Progress()) is None
    refused = wanted.refusal
    assert wanted.update(Progress()) is None
    assert wanted.refusal is refused
