"""File system layers of an image: a directory's, and busybox's. The same files give the same bytes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab.requirements import program

ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": b"root:x:0:\nnobody:x:65534:\n",
}


def of_directory(directory: Path) -> bytes:
    """A tar of everything below `directory`, owned by root, without times; devices are left out."""
    with _Tar() as tar:
        for path in sorted(directory.rglob("*")):
            tar.add_path(path, path.relative_to(directory).as_posix())
    return tar.content()


def of_busybox() -> bytes:
    """A shell and the small Unix tools, from this machine's own static busybox."""
    binary = Path(program("busybox"))
    content = binary.read_bytes()
    if b"/ld-linux" in content or b"/ld-musl" in content:
        raise LabError(
            f"{binary} isn't static, so it can't be all of an image", remedy="apt-get install busybox-static"
        )
    applets = subprocess.run(
        [binary, "--list"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    with _Tar() as tar:
        tar.add_folder("tmp", 0o1777)
        tar.add_file("bin/busybox", content, 0o755)
        for applet in sorted(set(applets.split()) - {"busybox"}):
            tar.add_link(f"bin/{applet}", "busybox")
        for name, text in ACCOUNTS.items():
            tar.add_file(name, text, 0o644)
    return tar.content()


class _Tar:
    """A tar in memory whose entries have no time and no owner."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT)

    def __enter__(self) -> _Tar:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def content(self) -> bytes:
        return self._buffer.getvalue()

    def add_folder(self, name: str, mode: int) -> None:
        self._add(name, tarfile.DIRTYPE, mode)

    def add_link(self, name: str, target: str) -> None:
        self._add(name, tarfile.SYMTYPE, 0o777, link=target)

    def add_file(self, name: str, content: bytes, mode: int) -> None:
        self._add(name, tarfile.REGTYPE, mode, content)

    def add_path(self, path: Path, name: str) -> None:
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            self.add_link(name, str(path.readlink()))
        elif path.is_dir():
            self.add_folder(name, mode)
        elif path.is_file():
            self.add_file(name, path.read_bytes(), mode)

    def _add(self, name: str, kind: bytes, mode: int, content: bytes = b"", link: str = "") -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), link
        self._tar.addfile(entry, io.BytesIO(content))
