"""A bare repository that we own: people push to it over ssh, its hooks validate and wake the loop."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from reconciler.errors import SourceError
from reconciler.model.fleet import Fleet, HostedSource
from reconciler.private import OTHERS, keep_private
from reconciler.source.commits import Commits
from reconciler.source.explain import last_line
from reconciler.source.exports import Exports, disk_errors, is_revision
from reconciler.source.hooks import FLEET_FILE, PUSHED, SOCKET, install
from reconciler.source.limits import HOOK_SECONDS, MAX_PACK_BYTES
from reconciler.source.mirror import check_branch
from reconciler.source.process import BIG_FILE_BYTES, Git, GitFailed, environment
from reconciler.source.repository import configure, make_bare
from reconciler.source.snapshot import Snapshot
from reconciler.source.submodules import Submodules
from reconciler.source.watch import Watch
from reconciler.supervision import Supervised, sign_of_life

GLANCE_S = 1.0
"""How often the branch's file is looked at: the hook that wakes us may have died with its pusher."""
EAGER_S, EAGER_GLANCE_S = 1.0, 0.005
"""After a wake it is looked at so long so often: the first wake of a push comes just before its ref moves."""
LOOK_S = 30.0
LIST_S = 10.0
PRIVATE = (b"", b"umask", b"false", b"0", b"no")
"""Values of core.sharedRepository that share nothing (git-config(1))."""
Mark = tuple[tuple[int, int], ...]


_log = logging.getLogger(__name__)


class HostedRepository:
    """See `source.Source`. The repository is made, and its hooks are written, when it starts."""

    def __init__(self, fleet: Fleet, spec: HostedSource, cache_dir: Path) -> None:
        check_branch(spec.branch)
        self._fleet, self._spec = fleet, spec
        self.path = Path(spec.path).expanduser().resolve()
        self._git = Git(self.path, environment())
        modules = Submodules(cache_dir / "modules")
        self._commits = Commits(self._git, Exports(cache_dir / "exports"), spec.folder, modules)
        self._watch = Watch(self._bring, LOOK_S, retry=GLANCE_S, longest=LOOK_S)
        self._lock = threading.Lock()
        self._closed, self._awake = threading.Event(), threading.Event()
        self._glancer: Supervised | None = None

    def start(self, changed: Callable[[], None]) -> None:
        """Raises `SourceError` when the repository can't be made ready."""
        self.prepare()
        self._watch.start(changed)
        self._glancer = Supervised("branch", self._glance, changed=changed)
        self._glancer.start()

    def prepare(self) -> None:
        """Make the repository if there is none, write hooks, settings and the inventory's copy."""
        with disk_errors(self.path):
            if not (self.path / "HEAD").is_file():
                _refuse_foreign(self.path)
                keep_private(self.path)
                make_bare(self._git, branch=self._spec.branch)
            self._keep_private()
            _remove_leftovers(self.path)
            install(self.path)
            new = self.path / f"{FLEET_FILE}.new"
            new.write_bytes(msgspec.json.encode(self._fleet))
            new.replace(self.path / FLEET_FILE)
        try:
            configure(self._git, _settings(self.path))
        except GitFailed as failure:
            raise self._damaged(failure) from failure

    def _keep_private(self) -> None:
        """Manifests may hold Secrets. Where Git is told that a group shares it, the group still does."""
        try:
            told = self._git.run("config", "--get", "core.sharedRepository", timeout=LIST_S)
        except GitFailed:
            told = b""
        others = OTHERS if told.strip().lower() in PRIVATE else OTHERS & 0o007
        if mode := keep_private(self.path, others):
            _log.warning("others could read %s (%s); now they can't", self.path, mode)

    def fetch(self) -> Snapshot:
        return self._watch.look()

    def latest(self) -> Snapshot | None:
        return self._watch.latest()

    def error(self) -> SourceError | None:
        return self._watch.error()

    def wake(self) -> None:
        self._awake.set()

    def at(self, revision_id: str) -> Snapshot | None:
        if not is_revision(revision_id) or revision_id.startswith("dir-"):
            return None
        with self._lock:
            try:
                return self._commits.snapshot(revision_id)
            except (GitFailed, SourceError):
                return None

    def close(self) -> None:
        self._closed.set()
        self._awake.set()
        if self._glancer is not None:
            self._glancer.end()
        self._git.close()
        self._watch.close()

    def _bring(self) -> Snapshot:
        with self._lock:
            if not (self.path / "HEAD").is_file():
                raise SourceError("there is no repository yet", where=str(self.path), remedy=_SERVE)
            try:
                ref = f"refs/heads/{self._spec.branch}"
                snapshot = self._commits.snapshot(ref)
                if snapshot is None and self._git.run("for-each-ref", "--count=1", ref, timeout=LIST_S):
                    raise GitFailed("cat-file", f"the commit of {ref} is missing")
            except GitFailed as failure:
                raise self._damaged(failure) from failure
        if snapshot is None:
            raise SourceError(
                f'nothing has been pushed to the branch "{self._spec.branch}" yet',
                where=str(self.path),
                remedy=f"git push ssh://THIS-MACHINE{self.path} HEAD:{self._spec.branch}",
            )
        return snapshot

    def _glance(self) -> None:
        """Costs two `stat`s; git is only asked when the branch has moved, or somebody woke us for nothing."""
        seen = self._mark()
        while not self._closed.is_set():
            sign_of_life()
            woken = self._awake.wait(GLANCE_S)
            self._awake.clear()
            now = self._moved_from(seen, EAGER_S if woken else 0.0)
            if woken or now != seen:
                self._watch.wake()
            seen = now

    def _moved_from(self, seen: Mark, patience: float) -> Mark:
        """The branch's mark as soon as it differs from `seen`, or after `patience` seconds."""
        until = time.monotonic() + patience
        while (now := self._mark()) == seen and time.monotonic() < until:
            if self._closed.wait(EAGER_GLANCE_S):
                break
        return now

    def _mark(self) -> Mark:
        files = (self.path / "refs" / "heads" / self._spec.branch, self.path / "packed-refs")
        return tuple(_stamp(file) for file in files)

    def _damaged(self, failure: GitFailed) -> SourceError:
        return SourceError(
            f"the repository can't be read: {last_line(failure.stderr)}",
            where=str(self.path),
            remedy="run `git fsck` there; if it is damaged, move it away and push again",
        )


_SERVE = "start `reconciler serve`: it makes the repository"


def _settings(path: Path) -> dict[str, str]:
    return {
        "receive.denyDeletes": "true",
        "receive.advertisePushOptions": "true",
        "receive.fsckObjects": "true",
        "receive.maxInputSize": str(MAX_PACK_BYTES),
        "receive.unpackLimit": "1",  # index-pack alone writes large files without holding them in memory
        "receive.shallowUpdate": "false",
        "core.bigFileThreshold": str(BIG_FILE_BYTES),
        "core.useReplaceRefs": "false",  # refs/replace isn't taken, but may be there
        "pack.windowMemory": "64m",
        "pack.threads": "1",
        "core.hooksPath": str(path / "hooks"),  # a user's own core.hooksPath would switch ours off
    }


def _remove_leftovers(path: Path) -> None:
    """Of pushes whose hook was killed."""
    for left in path.glob(f"{PUSHED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 2 * HOOK_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _refuse_foreign(path: Path) -> None:
    """Nothing, an empty folder, or one in which only the daemon's socket is yet."""
    if path.exists() and (not path.is_dir() or any(p.name != SOCKET for p in path.iterdir())):
        raise SourceError(
            "expected a bare repository or nothing, found something else",
            where=str(path),
            remedy="let spec.source.hosted.path name a new folder",
        )


def _stamp(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError:
        return 0, 0
    return facts.st_ino, facts.st_mtime_ns
