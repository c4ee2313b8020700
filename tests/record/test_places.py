"""What stands in the way of the reconciler's folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import ReconcilerError
from reconciler.record.places import is_private, other_socket, refuse_a_file


def test_a_file_where_a_folder_should_be_is_said_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text("")
    for folder in (file, file / "home", file / "a" / "b"):
        with pytest.raises(ReconcilerError, match="expected a directory") as refused:
            refuse_a_file(folder)
        assert refused.value.where == str(file)
        assert "RECONCILER_STATE_DIR" in refused.value.remedy
    refuse_a_file(tmp_path / "not there yet" / "home")


def test_a_link_to_nowhere_is_in_the_way_too(tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to(tmp_path / "gone")
    with pytest.raises(ReconcilerError):
        refuse_a_file(tmp_path / "state" / "home")


def test_where_the_socket_is_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert other_socket("home") == tmp_path / "reconciler" / "home.sock"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    assert other_socket("home").name == "home.sock"


def test_a_folder_that_others_may_write_to_is_not_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert is_private(tmp_path)
    tmp_path.chmod(0o777)
    assert not is_private(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    assert not is_private(tmp_path / "link")
    assert not is_private(tmp_path / "gone")
