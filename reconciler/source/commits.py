"""From a commit in a local repository to a snapshot with its files."""

from __future__ import annotations

from pathlib import Path

from reconciler.source.checkout import write_tree
from reconciler.source.exports import Exports
from reconciler.source.limits import Tally
from reconciler.source.objects import Objects
from reconciler.source.process import Git
from reconciler.source.snapshot import Snapshot
from reconciler.source.submodules import Submodules


class Commits:
    """`subfolder` is the folder of the repository that holds the manifests. Not for several threads."""

    def __init__(self, git: Git, exports: Exports, subfolder: str, submodules: Submodules) -> None:
        self._git, self._exports, self._subfolder = git, exports, subfolder
        self._submodules = submodules

    def snapshot(self, name: str) -> Snapshot | None:
        """Of what a ref or a hash leads to; None when there is no such commit.

        Raises `GitFailed` for a damaged repository, `SourceError` for everything else.
        """
        with Objects(self._git) as objects:
            revision = objects.commit(name)
            if revision is None:
                return None

            def fill(into: Path) -> None:
                tally = Tally()
                entries = objects.tree(revision.id, tally)
                write_tree(objects, entries, into, self._submodules.opened(into, tally))

            return self._exports.make(revision, fill, self._subfolder)
