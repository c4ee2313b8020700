"""A file is read to its end, and only if it has one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.bounded import TooLong, read_file


def test_a_file_of_the_most_bytes_is_read_and_one_more_is_too_many(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"12345")
    assert read_file(file, 5) == b"12345"
    with pytest.raises(TooLong, match="more than 4 bytes"):
        read_file(file, 4)


def test_what_has_no_end_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"regular file|directory"):
            read_file(path)
