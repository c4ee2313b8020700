"""What an image needs to run a script or a program of this machine."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from reconciler.errors import LabError
from reconciler.lab import interpreter, sample_app

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform != "linux", reason="images are Linux's"),
]
SCRIPT = Path(sample_app.__file__)


def test_a_script_gets_its_modules_their_bytecode_and_no_others(tmp_path: Path) -> None:
    python = interpreter.copy_into(tmp_path, SCRIPT)
    assert (tmp_path / python.lstrip("/")).stat().st_mode & 0o111
    modules = {path.name for path in tmp_path.rglob("*.py")}
    assert {"selectors.py", "socket.py", "heapq.py", "os.py"} <= modules
    assert not {"asyncio.py", "typing.py", "sample_app.py"} & modules
    for source in tmp_path.rglob("*.py"):
        assert Path(importlib.util.cache_from_source(str(source))).exists()


def test_bytecode_is_used_whatever_the_times_of_the_files(tmp_path: Path) -> None:
    """Flags 1 in the header: by a hash, and unchecked (PEP 552)."""
    interpreter.copy_into(tmp_path, SCRIPT)
    assert {path.read_bytes()[4:8] for path in tmp_path.rglob("*.pyc")} == {b"\1\0\0\0"}


def test_a_program_gets_its_libraries_and_loader(tmp_path: Path) -> None:
    shell = Path("/bin/sh").resolve()
    interpreter.copy_program(shell, tmp_path)
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert shell.name in names
    assert any(name.startswith(("ld-linux", "ld-musl")) for name in names)


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="ldd"):
        interpreter.copy_program(tmp_path / "missing", tmp_path)


def test_a_static_program_needs_nothing_else(tmp_path: Path) -> None:
    busybox = shutil.which("busybox")
    if busybox and b"/ld-linux" not in Path(busybox).read_bytes():
        assert interpreter.libraries(Path(busybox)) == []
