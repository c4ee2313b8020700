"""Which files of a tree are manifests, and their bytes, read safely.

Hidden files and folders are left out (`.git`, `.github`, `.sops.yaml`), and everything that isn't YAML or
JSON by its name. A link is never followed: its target is read where it stands, and one that leads out
of the tree is an error. Knows nothing of what the files hold.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.manifests.documents import DocumentError
from reconciler.manifests.limits import MAX_FILE_BYTES, MAX_FILES
from reconciler.model.base import Value
from reconciler.model.finding import Finding

SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
OUT_OF_SOMETHING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
"""This machine's trouble, or its disk's: it says nothing about a file."""
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class Tree(Value):
    """What a walk found: manifest files and folders that kustomize renders, both sorted."""

    files: tuple[Path, ...] = ()
    kustomizations: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = ()


def walk(root: Path, start: Path | None = None) -> Tree:
    """Everything below `start` (default: `root`). Links may lead anywhere inside of `root`.

    Raises `SourceError` where a folder can't be read only for now.
    """
    found = _Walk(root)
    found.folder(start or root)
    if len(found.files) > MAX_FILES:
        message = f"holds more than {MAX_FILES:,} manifests"
        found.findings.append(Finding(file=".", message=message, remedy="point to a smaller folder"))
    return Tree(
        files=tuple(found.files[:MAX_FILES]),
        kustomizations=tuple(found.kustomizations),
        findings=tuple(found.findings),
    )


class _Walk:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.real_root = Path(os.path.realpath(root))
        self.files: list[Path] = []
        self.kustomizations: list[Path] = []
        self.findings: list[Finding] = []

    def folder(self, folder: Path) -> None:
        """Depth first with a stack, sorted by name; stops at MAX_FILES."""
        stack = [folder]
        while stack and len(self.files) <= MAX_FILES:
            stack.extend(reversed(self._list(stack.pop())))

    def _list(self, folder: Path) -> list[Path]:
        """Takes the folder's files; returns its folders."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._say(folder, *_unreadable(folder, error, "check its permissions"))
            return []
        names = {entry.name for entry in entries}
        if any(name in names for name in KUSTOMIZATIONS):
            self.kustomizations.append(folder)
            return []
        return [Path(entry.path) for entry in entries if self._take(entry)]

    def _take(self, entry: os.DirEntry[str]) -> bool:
        """Files are taken at once; True for a folder to go down into."""
        if entry.name.startswith("."):
            return False
        if entry.is_symlink():
            self._link(Path(entry.path))
            return False
        if entry.is_dir(follow_symlinks=False):
            return True
        if entry.name.endswith(SUFFIXES):
            self.files.append(Path(entry.path))
        return False

    def _link(self, link: Path) -> None:
        target = Path(os.path.realpath(link))
        inside = target.is_relative_to(self.real_root)
        matters = link.name.endswith(SUFFIXES) or target.is_dir()
        if matters and not inside:
            self._say(
                link,
                f"links out of the tree, to {link.readlink()}",
                "put the file itself here: a source is read from this tree alone",
            )
        elif matters and not target.exists():
            self._say(link, f"links to {link.readlink()}, which isn't there", "remove the link")

    def _say(self, path: Path, message: str, remedy: str) -> None:
        self.findings.append(
            Finding(file=shown(self.root, path), message=message, remedy=remedy, rule="file")
        )


def shown(root: Path, path: Path) -> str:
    """How a file is called in findings: relative to the tree it was found in."""
    try:
        return str(path.relative_to(root))
    except ValueError:
        return str(path)


def read_bytes(path: Path) -> bytes:
    """A regular file of at most MAX_FILE_BYTES; never waits on a pipe or a device.

    Raises `DocumentError`, and `SourceError` where it can't be read only for now.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        message, remedy = _unreadable(path, error, "check its permissions")
        raise DocumentError(message, remedy=remedy) from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise DocumentError("isn't a regular file", remedy="only files are read, no pipes and devices")
        if facts.st_size > MAX_FILE_BYTES:
            raise _too_big(facts.st_size)
        return b"".join(_chunks(descriptor))
    except OSError as error:
        message, remedy = _unreadable(path, error, "check the disk")
        raise DocumentError(message, remedy=remedy) from error
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError, remedy: str) -> tuple[str, str]:
    """What is wrong with it, and what to do. Raises `SourceError` where nothing is wrong with it."""
    if error.errno in OUT_OF_SOMETHING:
        raise SourceError(f"can't be read for now: {error.strerror}", where=str(path)) from error
    return f"can't be read: {error.strerror}", remedy


def _chunks(descriptor: int) -> Iterator[bytes]:
    """A file may grow while it is read; the limit holds all the same."""
    size = 0
    while chunk := os.read(descriptor, 1 << 20):
        size += len(chunk)
        if size > MAX_FILE_BYTES:
            raise _too_big(size)
        yield chunk


def _too_big(size: int) -> DocumentError:
    return DocumentError(
        f"has {size / 1e6:.1f} MB, and {MAX_FILE_BYTES // 1_000_000} MB are the most that is read",
        remedy="split it, or keep large data out of manifests",
    )


def check_text(data: bytes) -> bytes:
    """The same bytes as UTF-8 without a byte order mark. Raises `DocumentError` for anything else."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if data.startswith(_WIDE_MARKS):
        raise DocumentError("is UTF-16 or UTF-32", 1, 1, "save it as UTF-8")
    if (nul := data.find(b"\0")) >= 0:
        raise DocumentError("is binary: it holds a NUL byte", line_of(data, nul), 0, "only text is read")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = line_of(data, error.start)
        raise DocumentError("isn't UTF-8 text", line, 0, "save it as UTF-8") from None
    return data


def line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def digest(data: bytes) -> bytes:
    """Of a file's content, to know it again."""
    from hashlib import blake2b  # loads OpenSSL, 12 ms, for the daemon's cache only

    return blake2b(data, digest_size=16).digest()
