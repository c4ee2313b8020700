"""What is kept on disk, for one ACME server: its account, and a folder for each certificate.

    <folder>/<server>/account.json                          the account's key and URL
    <folder>/<server>/<namespace>/<secret>/certificate.pem  key and chain
    <folder>/<server>/<namespace>/<secret>/attempt.json     how the newest attempt failed

Only the owner can read it. A file is replaced whole or not at all. Another server (staging, production) has
a folder of its own, so nothing of one is taken for the other's. One process
writes; the fleet's lock sees to it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from reconciler.bounded import read_file
from reconciler.certificates.held import Held, read
from reconciler.certificates.timing import Attempt
from reconciler.model.base import typed
from reconciler.model.meta import Key

log = logging.getLogger(__name__)
T = TypeVar("T")

CERTIFICATE, ATTEMPT, ACCOUNT = "certificate.pem", "attempt.json", "account.json"


class Folder:
    """Reading never raises: what can't be read counts as lost, the log says so. Writing raises `OSError`."""

    def __init__(self, root: Path, directory_url: str) -> None:
        host = re.sub(r"[^a-z0-9.-]+", "-", (urlsplit(directory_url).hostname or ""))
        self._root = root
        self.path = root / f"{host[:80]}-{sha256(directory_url.encode()).hexdigest()[:8]}"

    def certificate(self, key: Key) -> Held | None:
        text = _text(self._of(key) / CERTIFICATE)
        try:
            return None if text is None else read(text)
        except ValueError as error:
            log.warning("%s is damaged and will be obtained anew: %s", self._of(key) / CERTIFICATE, error)
            return None

    def keep(self, key: Key, held: Held) -> None:
        self._write(self._of(key) / CERTIFICATE, held.pem.encode())

    def attempt(self, key: Key) -> Attempt | None:
        return self.json(self._of(key) / ATTEMPT, Attempt)

    def note(self, key: Key, attempt: Attempt | None) -> None:
        """None: there is nothing to remember."""
        if attempt is None:
            (self._of(key) / ATTEMPT).unlink(missing_ok=True)
        else:
            self.write_json(self._of(key) / ATTEMPT, attempt)

    def json(self, path: Path, kind: type[T]) -> T | None:
        text = _text(path)
        try:
            return None if text is None else msgspec.json.decode(text, type=typed(kind))
        except msgspec.MsgspecError:  # its text might quote what it read
            log.warning("%s is damaged and begun anew", path)
            return None

    def write_json(self, path: Path, value: object) -> None:
        self._write(path, msgspec.json.encode(value))

    def tidy(self, wanted: set[Key], now: float) -> None:
        """Remove what nobody wants and has ended. Before that it stays: the Ingress may come back."""
        for key, path in list(self._all()):
            if key in wanted:
                continue
            held, attempt = self.certificate(key), self.attempt(key)
            if (held is None or held.ends < now) and (attempt is None or attempt.due < now):
                shutil.rmtree(path, ignore_errors=True)

    def _all(self) -> Iterator[tuple[Key, Path]]:
        for path in self.path.glob("*/*/"):
            yield Key("Secret", path.parent.name, path.name), path

    def _of(self, key: Key) -> Path:
        return self.path / key.namespace / key.name

    def _write(self, path: Path, content: bytes) -> None:
        """Beside it first, then in its place; on the disk before it counts."""
        self._make(path.parent)
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)  # a predecessor that was killed
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync(path.parent)

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self._root:
            self._make(folder.parent)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # some network file systems can't
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _text(path: Path) -> str | None:
    try:
        return read_file(path).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        log.warning("%s can't be read: %s", path, type(error).__name__)
        return None
