"""One reconciler a fleet on one machine, and how others on it find the one that runs.

The lock is the kernel's (flock): it goes away with its process, however that ends. The file's text only
says who holds it. It can't see a reconciler on another machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import time
from pathlib import Path
from types import TracebackType

import msgspec

from reconciler.bounded import read_file
from reconciler.errors import FleetLocked, ReconcilerError
from reconciler.model.base import Value, typed
from reconciler.record.places import REFUSED_BY_DISK, Identity, identity

log = logging.getLogger(__name__)

PATIENCE_S = 0.3
"""`holder` takes the lock for a moment to see whether it is free; whoever meets that waits so long."""
STALLED_S = 5.0
"""And so long where the lock's text names nobody who lives: who only looks may be kept from letting go."""


class Holder(Value):
    """Who runs the fleet. `listen` is host:port, `unix_socket` a path; both empty until it serves."""

    pid: int
    since: float
    host: str
    command: str
    listen: str = ""
    unix_socket: str = ""


class FleetLock:
    """Held between `__enter__` and `__exit__`. Raises `FleetLocked` when another process holds it."""

    def __init__(self, fleet_name: str, directory: Path) -> None:
        self._fleet, self._path = fleet_name, lock_path(fleet_name, directory)
        self._descriptor: int | None = None
        self._told = False
        self._holder = Holder(
            pid=os.getpid(), since=time.time(), host=os.uname().nodename, command=_command()
        )

    def __enter__(self) -> FleetLock:
        self._descriptor = self._locked()
        self._write()
        return self

    def keep(self) -> None:
        """Lock the file anew where it was removed or replaced: else a second reconciler could start.

        Raises `FleetLocked` when one has already.
        """
        held = self._descriptor
        if held is None or _identity(os.fstat(held)) == identity(self._path):
            return
        try:
            self._descriptor = self._locked()
        except FleetLocked:
            raise
        except ReconcilerError as error:
            self._say(str(error))
            return
        os.close(held)
        self._write()
        log.warning("the lock %s was removed or replaced by somebody; it is taken anew", self._path)

    def _locked(self) -> int:
        descriptor = self._open()
        if _take(descriptor, PATIENCE_S) or self._outlasts_a_look(descriptor):
            return descriptor
        os.close(descriptor)
        raise _locked(self._fleet, _read(self._path))

    def _outlasts_a_look(self, descriptor: int) -> bool:
        """Takes the lock from one who only looks, once that one lets go; a reconciler isn't waited for."""
        return not _lives(_read(self._path)) and _take(descriptor, STALLED_S)

    def serves(self, *, listen: str = "", unix_socket: Path | None = None) -> None:
        """Tell others where this reconciler can be asked."""
        path = "" if unix_socket is None else str(unix_socket)
        self._holder = msgspec.structs.replace(self._holder, listen=listen, unix_socket=path)
        self._write()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # opened for reading only; see `_open`
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        """On a disk that is read-only now, a file of an earlier run can be locked as well as ever."""
        try:
            with contextlib.suppress(FileExistsError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in REFUSED_BY_DISK:
                with contextlib.suppress(OSError):
                    return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            raise ReconcilerError(
                f"the lock of fleet {self._fleet} can't be opened: {error.strerror}",
                where=str(self._path),
                remedy="make the directory writable for this user, or set XDG_STATE_HOME to one that is",
            ) from error

    def _write(self) -> None:
        """The text says who holds the lock; a disk that doesn't take it leaves the lock what it is."""
        if self._descriptor is None:
            return
        text = msgspec.json.encode(self._holder)
        try:
            # One write of less than a page, then the cut: a reader sees the old text or the new one.
            os.pwrite(self._descriptor, text + b"\n", 0)
            os.ftruncate(self._descriptor, len(text) + 1)
        except OSError as error:
            self._say(f"{self._path}: who holds the lock can't be written: {error.strerror}")

    def _say(self, trouble: str) -> None:
        """Once: it is tried again at every pass."""
        if not self._told:
            log.warning(trouble)
        self._told = True


def _identity(facts: os.stat_result) -> Identity:
    return facts.st_dev, facts.st_ino


def lock_dir() -> Path:
    """Where this user's locks are, wherever a fleet's state is kept."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "reconciler" / "locks"


def lock_path(fleet_name: str, directory: Path) -> Path:
    return directory / f"{fleet_name}.lock"


def holder(fleet_name: str, directory: Path) -> Holder | None:
    """Who runs this fleet on this machine now; None when nobody does. Never raises."""
    path = lock_path(fleet_name, directory)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _take(descriptor, 0.0) else _read(path)
    finally:
        os.close(descriptor)


def _take(descriptor: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)


def _read(path: Path) -> Holder:
    try:
        return msgspec.json.decode(read_file(path), type=typed(Holder))
    except (OSError, msgspec.DecodeError, RecursionError):
        return Holder(pid=0, since=0.0, host="", command="")


def _lives(other: Holder) -> bool:
    """As far as can be told: of another machine's processes nothing can."""
    if not other.pid or other.host != os.uname().nodename:
        return bool(other.pid)
    try:
        os.kill(other.pid, 0)
    except (ProcessLookupError, OverflowError):  # gone, or a damaged file
        return False
    except PermissionError:
        pass
    return True


def _locked(fleet: str, other: Holder) -> FleetLocked:
    who = "another reconciler"
    if other.pid:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(other.since))
        who = f"{other.command or 'another reconciler'} (pid {other.pid} on {other.host}, since {since})"
    return FleetLocked(
        f"{who} runs this fleet already; two at a time would undo each other's work",
        where=f"fleet {fleet}",
        remedy="see what it does with `reconciler status`, or stop it first",
    )


def _command() -> str:
    """`reconciler serve`: the program and its verb, without options (they may hold private paths)."""
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"{Path(sys.argv[0]).name} {verb}".strip()
