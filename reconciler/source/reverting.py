"""Takes commits back in a repository: on top of its branch's head, proven before it is pushed.

Which commits these are is found by what they do: those that changed the object's version since it was last
the stable one, whatever files that took. Each is taken back by a commit of its own, the newest first, as
`git revert` does it. Nothing is pushed unless the object then has its stable version and the whole tree is
valid. The branch itself is the memory: it is looked at anew each time, and our commits are known by a line
in their message, so being killed anywhere does no harm.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from reconciler.errors import RevertError, SourceError
from reconciler.model.reversal import Reversal
from reconciler.source.explain import explain, last_line, redacted
from reconciler.source.exports import disk_errors
from reconciler.source.mirror import FIRST_TIMEOUT_S, TIMEOUT_S, check_branch, check_url, perhaps_damaged
from reconciler.source.process import Git, GitFailed, environment
from reconciler.source.pushing import Place, push
from reconciler.source.repository import make_bare
from reconciler.source.scratch import Scratch
from reconciler.source.snapshot import Snapshot

MOST_COMMITS = 100
"""How far back the version is looked for: each commit is read whole."""
TRIES = 5
"""How often somebody else's push may come in between."""


class Judge(Protocol):
    """What files mean, and people want; a source doesn't know."""

    def version(self, snapshot: Snapshot) -> str:
        """The object's template hash in this tree; empty when it isn't there or has an error."""

    def fault(self, snapshot: Snapshot) -> str:
        """The first error of this tree; empty when it may be pushed."""

    def wanted(self) -> bool:
        """Whether it is still to be taken back: somebody may have decided otherwise meanwhile."""


class Reverter:
    """Keeps a copy with its whole history in `cache`. `name` is the fleet's. Not for several threads, but
    for `close`.
    """

    def __init__(self, place: Place, name: str, cache: Path, pushed: Callable[[], None] = lambda: None):
        check_url(place.url)
        check_branch(place.branch)
        self._place, self._name, self._cache, self._pushed = place, name, cache.absolute(), pushed
        digest = hashlib.sha256(place.url.encode()).hexdigest()[:16]
        self._git = Git(self._cache / f"{digest}.git", environment(place.identity_file))
        self._scratch: Scratch | None = None
        self._closed = False

    def revert(self, reversal: Reversal, judge: Judge) -> str:
        """Push what takes the version back; returns the branch's new head, empty when the version isn't the
        branch's any more, or nobody wants it to be taken back. Raises `RevertError` when it can't be done as
        the branch stands, and `SourceError` when it may work later.
        """
        for _ in range(TRIES):
            head = self._fetch()
            with self._opened() as scratch:
                commit = self._reverted(scratch, head, reversal, judge)
                if not commit or not judge.wanted():
                    return ""
                if push(scratch.git, self._place, commit):
                    self._pushed()
                    return commit
        raise SourceError(
            f"somebody else pushed each of {TRIES} times",
            where=redacted(self._place.url),
            remedy="it will be tried again",
        )

    def close(self) -> None:
        """End what runs. From any thread."""
        self._closed = True
        self._git.close()
        if (scratch := self._scratch) is not None:
            scratch.close()

    def _fetch(self) -> str:
        """The branch's head, with its history."""
        with disk_errors(self._cache):
            self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return self._fetched()
        except GitFailed as failure:
            if self._closed or not perhaps_damaged(failure, self._git.git_dir):
                raise explain(self._place.url, failure) from failure
        shutil.rmtree(self._git.git_dir, ignore_errors=True)  # ours can be had again
        try:
            return self._fetched()
        except GitFailed as failure:
            raise explain(self._place.url, failure) from failure

    def _fetched(self) -> str:
        if not (self._git.git_dir / "HEAD").is_file():
            shutil.rmtree(self._git.git_dir, ignore_errors=True)
            make_bare(self._git)
        ref = f"refs/heads/{self._place.branch}"
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        self._git.run("fetch", *options, "--", self._place.url, f"+{ref}:{ref}", timeout=FIRST_TIMEOUT_S)
        return self._git.run("rev-parse", "--verify", ref, timeout=TIMEOUT_S).decode().strip()

    @contextmanager
    def _opened(self) -> Iterator[Scratch]:
        """A work tree to be thrown away; those that a killed reconciler left go, too."""
        with disk_errors(self._cache):
            for left in self._cache.glob("revert-*"):
                shutil.rmtree(left, ignore_errors=True)
            home = Path(tempfile.mkdtemp(prefix="revert-", dir=self._cache))
        try:
            self._scratch = Scratch(home, self._git, self._place, self._name)
            yield self._scratch
        except GitFailed as failure:
            raise SourceError(
                f"git {failure.what} failed in our own copy: {_reason(failure)}",
                where=str(home),
                remedy="it will be tried again",
            ) from failure
        finally:
            self._scratch = None
            shutil.rmtree(home, ignore_errors=True)

    def _reverted(self, scratch: Scratch, head: str, reversal: Reversal, judge: Judge) -> str:
        guilty = self._guilty(scratch, head, reversal, judge)
        if not guilty:
            return ""
        if (earlier := scratch.first_with(reversal.trailer, head)) is not None:
            raise RevertError(
                f"{earlier[:7]} took this version back already, and it was brought back since",
                where=str(reversal.about),
                remedy="nothing is taken back twice: change the object, or revert it by hand",
            )
        scratch.check_out(head)
        for commit in guilty:
            scratch.take_back(commit, reversal)
        self._prove(scratch, reversal, judge)
        return scratch.head

    def _guilty(self, scratch: Scratch, head: str, reversal: Reversal, judge: Judge) -> list[str]:
        """The commits that led from the stable version to the bad one, newest first."""

        def version(commit: str) -> str:
            snapshot = scratch.snapshot(commit)
            return judge.version(snapshot) if snapshot is not None else ""

        commits = scratch.history(head, MOST_COMMITS + 1)
        newer = version(commits[0])
        if newer != reversal.template_hash:
            return []
        found = []
        for commit, parent in pairwise(commits):
            older = version(parent)
            if older != newer:
                found.append(commit)
            if older == reversal.stable_hash:
                return found
            newer = older
        raise RevertError(
            f"version {reversal.stable_hash} isn't among the last {len(commits)} commits",
            where=f"{redacted(self._place.url)} {self._place.branch}",
            remedy="take it back by hand",
        )

    def _prove(self, scratch: Scratch, reversal: Reversal, judge: Judge) -> None:
        snapshot = scratch.snapshot(scratch.head)
        found = judge.version(snapshot) if snapshot is not None else ""
        if found != reversal.stable_hash:
            raise RevertError(
                f"taking it back gives version {found or 'none'}, not {reversal.stable_hash}",
                where=str(reversal.about),
                remedy="other commits changed it, too: take it back by hand",
            )
        if snapshot is not None and (fault := judge.fault(snapshot)):
            raise RevertError(
                f"the branch has an error beside it, so nothing is pushed: {fault}",
                where=redacted(self._place.url),
                remedy="correct it; then this is tried again",
            )


def _reason(failure: GitFailed) -> str:
    if failure.timed_out is not None:
        return f"it didn't end within {failure.timed_out:g} s"
    return last_line(failure.stderr)
