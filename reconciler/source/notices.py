"""Notices that something below a folder changed; says nothing of what. Bursts become one notice."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.source.scan import Changed, File, scan
from reconciler.supervision import Supervised, sign_of_life

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

QUIET_S = 0.2
"""A burst of edits is over after this much silence,"""
LONGEST_S = 2.0
"""but a notice is given this long after its first edit at the latest."""
CHECK_S = 1.0
"""How often to see whether the folder itself was moved, replaced or mounted over."""
POLL_S = 2.0
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "vboxsf", "virtiofs")
"""Changes that another machine makes there are never announced here."""
_log = logging.getLogger(__name__)

Identity = tuple[str, int, int]


class Notices:
    """Calls `tell` from its own thread. Where the kernel gives no notices, it looks every two seconds."""

    def __init__(self, root: Path, tell: Callable[[], None], skip: Path | None = None) -> None:
        self._root, self._tell, self._skip = root, tell, skip
        self._stirred, self._closed = threading.Event(), threading.Event()
        self._observer: BaseObserver | None = None
        self._watched: Identity | None = None
        self._listing: tuple[File, ...] | None = None
        self.polling = ""
        """Why it looks instead of being told; empty when it is told."""
        self._thread = Supervised("notices", self._run, changed=self._tell)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.end()
        self._stirred.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._unwatch()

    def _run(self) -> None:
        while not self._closed.is_set():
            sign_of_life()
            if self._moved():
                self._tell()
            if self.polling and self._differs():
                self._stirred.set()
            if self._stirred.wait(POLL_S if self.polling else CHECK_S):
                self._settle()
                if not self._closed.is_set():
                    self._tell()

    def _settle(self) -> None:
        """Until it is quiet, or has taken too long."""
        until = time.monotonic() + LONGEST_S
        while not self._closed.is_set():
            self._stirred.clear()
            if self.polling:
                self._closed.wait(QUIET_S)
                stirred = self._differs()
            else:
                stirred = self._stirred.wait(QUIET_S)
            if not stirred or time.monotonic() > until:
                self._stirred.clear()
                return

    def _moved(self) -> bool:
        """Whether another folder stands at the path now; then that one is watched, and worth a look: what
        happened before the watch began was announced to nobody."""
        now = identity(self._root)
        if now == self._watched:
            return False
        self._unwatch()
        self._watched = now
        if now is not None:
            self._watch(Path(now[0]))
        return True

    def _watch(self, folder: Path) -> None:
        self.polling = ""
        kind = file_system(folder)
        if kind in NETWORK:
            self._poll(f"{kind} doesn't announce what other machines change")
            return
        try:
            self._observer = observe(folder, self._stir)
        except OSError as error:
            self._poll(
                f"the kernel gives no notices ({error.strerror or error}); see fs.inotify in sysctl(8)"
            )

    def _poll(self, why: str) -> None:
        _log.warning("%s is looked at every %g s: %s", self._root, POLL_S, why)
        self.polling = why
        self._listing = self._list()

    def _differs(self) -> bool:
        before, self._listing = self._listing, self._list()
        return before != self._listing

    def _list(self) -> tuple[File, ...] | None:
        try:
            return scan(self._root, self._skip)
        except (SourceError, Changed):
            return None

    def _stir(self, path: str) -> None:
        """Hidden folders and our own cache don't count."""
        if self._watched is None:
            return
        try:
            folders = Path(path).relative_to(self._watched[0]).parts[:-1]
        except ValueError:
            return
        if any(name.startswith(".") for name in folders):
            return
        if self._skip is None or not Path(path).is_relative_to(self._skip):
            self._stirred.set()

    def _unwatch(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(2.0)


def observe(folder: Path, stir: Callable[[str], None]) -> BaseObserver:
    """Start to watch; `stir` gets the path of each thing that changed. Raises `OSError`."""
    from watchdog import events
    from watchdog.observers import Observer

    class Handler(events.FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            for path in (event.src_path, event.dest_path):
                if path:
                    stir(os.fsdecode(path))

    changes = [
        events.FileCreatedEvent,
        events.FileModifiedEvent,
        events.FileDeletedEvent,
        events.FileMovedEvent,
        events.FileClosedEvent,
        events.DirCreatedEvent,
        events.DirDeletedEvent,
        events.DirMovedEvent,
    ]  # not the opening and reading of files: we do that ourselves
    observer = Observer()
    observer.daemon = True
    observer.schedule(Handler(), str(folder), recursive=True, event_filter=changes)
    observer.start()
    return observer


def identity(root: Path) -> Identity | None:
    """Which folder stands at the path, through links. None when there is none."""
    try:
        real = os.path.realpath(root)
        facts = Path(real).stat()
    except OSError:
        return None
    return real, facts.st_dev, facts.st_ino


def file_system(folder: Path) -> str:
    """Its type as the kernel calls it; empty where that isn't known."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in mounts:
        _, point, this, *_ = line.split(" ")
        place = point.replace("\\040", " ")
        if folder.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, this
    return kind
