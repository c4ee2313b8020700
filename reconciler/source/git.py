"""A remote Git repository, polled into a cache of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.model.duration import seconds
from reconciler.model.fleet import GitSource
from reconciler.source.commits import Commits
from reconciler.source.explain import explain, redacted
from reconciler.source.exports import Exports, is_revision
from reconciler.source.locked import locked
from reconciler.source.mirror import TIMEOUT_S, Mirror
from reconciler.source.process import GitFailed
from reconciler.source.snapshot import Snapshot
from reconciler.source.submodules import Submodules
from reconciler.source.watch import Watch


class RemoteRepository:
    """See `source.Source`. While the server can't be reached, the last commit that was seen stays."""

    def __init__(self, spec: GitSource, cache_dir: Path, *, timeout: float = TIMEOUT_S) -> None:
        self._spec, self._cache = spec, cache_dir
        name = hashlib.sha256(spec.url.encode()).hexdigest()[:16]
        self._mirror = Mirror(
            cache_dir / f"{name}.git", spec.url, identity_file=spec.identity_file, timeout=timeout
        )
        modules = Submodules(cache_dir / "modules", spec.url, spec.identity_file)
        self._commits = Commits(self._mirror.git, Exports(cache_dir / "exports"), spec.path, modules)
        self._watch = Watch(self._bring, seconds(spec.interval), self._last_seen)
        self._lock = threading.Lock()

    def start(self, changed: Callable[[], None]) -> None:
        self._watch.start(changed)

    def fetch(self) -> Snapshot:
        return self._watch.look()

    def latest(self) -> Snapshot | None:
        return self._watch.latest()

    def error(self) -> SourceError | None:
        return self._watch.error()

    def wake(self) -> None:
        self._watch.wake()

    def at(self, revision_id: str) -> Snapshot | None:
        """From the cache, else from the server; that may take some seconds."""
        if not is_revision(revision_id) or revision_id.startswith("dir-"):
            return None
        with self._lock, locked(self._cache):
            try:
                return self._known(revision_id) or self._asked_for(revision_id)
            except (GitFailed, SourceError):
                return None

    def close(self) -> None:
        self._mirror.git.close()
        self._watch.close()

    def _bring(self) -> Snapshot:
        with self._lock, locked(self._cache):
            ref = self._mirror.fetch(self._spec.branch)
            try:
                return self._snapshot(ref)
            except GitFailed:
                self._mirror.rebuild(self._spec.branch)
            try:
                return self._snapshot(ref)
            except GitFailed as failure:
                raise explain(self._spec.url, failure) from failure

    def _last_seen(self) -> Snapshot | None:
        """When the server can't be reached at start: a fleet heals also while it is down."""
        with self._lock, locked(self._cache):
            try:
                return self._known(f"refs/heads/{self._spec.branch}")
            except GitFailed:
                return None

    def _snapshot(self, name: str) -> Snapshot:
        snapshot = self._commits.snapshot(name)
        if snapshot is None:
            raise GitFailed("cat-file", f"{name} is not in the cache")
        return snapshot

    def _known(self, name: str) -> Snapshot | None:
        if not (self._mirror.git.git_dir / "HEAD").is_file():
            return None
        return self._commits.snapshot(name)

    def _asked_for(self, revision_id: str) -> Snapshot | None:
        self._mirror.fetch_commit(revision_id)
        return self._commits.snapshot(revision_id)

    def __repr__(self) -> str:
        return f"RemoteRepository({redacted(self._spec.url)}, {self._spec.branch})"
