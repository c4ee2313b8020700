"""Files and folders that hold secrets: whether others may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.private import keep_private, shown_to_others


@pytest.mark.parametrize(("mode", "found"), [(0o600, ""), (0o400, ""), (0o640, "0640"), (0o604, "0604")])
def test_a_file_of_ours(tmp_path: Path, mode: int, found: str) -> None:
    file = tmp_path / "key"
    file.touch()
    file.chmod(mode)
    assert shown_to_others(file) == found


def test_what_another_user_owns_is_that_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ssh has it: root's file in a folder of secrets, 0444."""
    file = tmp_path / "key"
    file.touch(0o644)
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert shown_to_others(file) == ""


def test_a_folder_is_made_private_or_mended_and_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    assert keep_private(folder) == ""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert [keep_private(folder), keep_private(folder)] == ["0755", ""]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_in_the_way_is_somebody_elses_to_tell(tmp_path: Path) -> None:
    (tmp_path / "state").touch(0o600)
    assert keep_private(tmp_path / "state") == ""
