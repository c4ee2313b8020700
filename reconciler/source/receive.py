"""What the pre-receive hook decides: whether a push may come in. Runs in the pusher's process.

It sees the pushed objects in Git's quarantine; when it refuses, they vanish and no ref moves.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from reconciler.errors import SourceError
from reconciler.model.base import Value, typed
from reconciler.model.capacity import Capacity
from reconciler.model.finding import Finding
from reconciler.model.fleet import Fleet, HostedSource
from reconciler.printable import printable
from reconciler.source.commits import Commits
from reconciler.source.explain import last_line
from reconciler.source.exports import Exports
from reconciler.source.hooks import FLEET_FILE, PUSHED
from reconciler.source.limits import MAX_ALL_REFS, MAX_REFS
from reconciler.source.process import Git, GitFailed, environment, quarantined
from reconciler.source.refs import BRANCHES, ONLY, TAGS, objection
from reconciler.source.snapshot import Snapshot
from reconciler.source.submodules import Submodules

LIST_TIMEOUT_S = 20.0
MAX_SHOWN = 100
"""Findings on the pusher's terminal; more are counted."""
_RESTART = "start `reconciler serve` on that machine: it writes the file anew"

Say = Callable[[str], None]


class Update(Value):
    """One line of what a receive hook reads (githooks(5)); a hash of zeros stands for none."""

    old: str
    new: str
    ref: str

    @property
    def deletes(self) -> bool:
        return not self.new.strip("0")


def updates(lines: Iterable[str]) -> list[Update]:
    """Raises `SourceError` for more than `MAX_REFS`."""
    found = [line.split(maxsplit=2) for line in islice(lines, MAX_REFS + 1) if line.strip()]
    if len(found) > MAX_REFS:
        remedy = "push what is needed here, not all refs of a repository (push --mirror, --all)"
        raise SourceError(f"the push has more than {MAX_REFS:,} branches and tags", remedy=remedy)
    return [Update(old=old, new=new, ref=ref.rstrip("\n")) for old, new, ref in found]


def load_fleet(repository: Path) -> tuple[Fleet, HostedSource]:
    """As the daemon wrote it down at its start. Raises `SourceError`."""
    file = repository / FLEET_FILE
    try:
        fleet = msgspec.json.decode(file.read_bytes(), type=typed(Fleet))
    except (OSError, msgspec.MsgspecError) as error:
        raise SourceError(f"can't be read: {error}", where=str(file), remedy=_RESTART) from error
    if fleet.spec.source.hosted is None:
        raise SourceError("names no hosted repository", where=str(file), remedy=_RESTART)
    return fleet, fleet.spec.source.hosted


def accept(
    repository: Path, pushed: list[Update], say: Say, capacity: Mapping[str, Capacity] | None = None
) -> bool:
    """Whether every update may come in; says why not. Raises `SourceError` when that can't be found out.

    `capacity` is what the nodes hold, as far as somebody has seen them.
    """
    fleet, spec = load_fleet(repository)
    deployed = f"{BRANCHES}{spec.branch}"
    refused = [(u, why) for u in pushed if not u.deletes and (why := objection(u.ref, spec.branch))]
    refused += [(u, ONLY) for u in pushed if u.deletes and not u.ref.startswith((BRANCHES, TAGS))]
    for update, why in refused[:MAX_SHOWN]:
        say(f"refused: {printable(update.ref)}: {why}")
    if refused:
        return False
    _refuse_too_many(repository, pushed)
    seen = capacity or {}
    verdicts = [_accept_one(repository, fleet, spec, u, say, seen) for u in pushed if u.ref == deployed]
    for update in pushed:
        if update.ref != deployed and not update.deletes:
            name = printable(update.ref.removeprefix(BRANCHES))
            say(f"{name}: kept, not deployed; only {spec.branch} is")
    return all(verdicts)


def _refuse_too_many(repository: Path, pushed: list[Update]) -> None:
    new = sum(1 for update in pushed if not update.old.strip("0"))
    if not new:
        return
    listing = ["for-each-ref", f"--count={MAX_ALL_REFS + 1}", "--format=x"]
    try:
        there = Git(repository, environment()).run(*listing, timeout=LIST_TIMEOUT_S).count(b"x")
    except GitFailed as failure:
        raise _unreadable(failure) from failure
    if there + new > MAX_ALL_REFS:
        raise SourceError(
            f"there are {there:,} branches and tags, {new:,} more come, and {MAX_ALL_REFS:,} are the most",
            remedy="delete tags, or branches on the machine itself: git -C REPOSITORY branch -D NAME",
        )


def _accept_one(
    repository: Path,
    fleet: Fleet,
    spec: HostedSource,
    update: Update,
    say: Say,
    capacity: Mapping[str, Capacity],
) -> bool:
    if update.deletes:
        say(f"refused: {spec.branch} is what the fleet runs and can't be deleted")
        say("  to remove everything, push a commit without manifests (spec.prune.allowEmpty)")
        return False
    with tempfile.TemporaryDirectory(prefix=PUSHED, dir=repository) as home:  # /tmp may be in memory
        snapshot = _snapshot(repository, spec, update.new, Path(home))
        return _valid(snapshot, fleet, spec, say, capacity)


def _snapshot(repository: Path, spec: HostedSource, commit: str, home: Path) -> Snapshot:
    commits = Commits(
        Git(repository, quarantined()), Exports(home), spec.folder, Submodules(home / "modules")
    )
    try:
        snapshot = commits.snapshot(commit)
    except GitFailed as failure:
        raise _unreadable(failure) from failure
    if snapshot is None:
        raise SourceError(f"{commit[:7]} is no commit", remedy="push a branch")
    return snapshot


def _unreadable(failure: GitFailed) -> SourceError:
    if failure.timed_out is not None:
        return SourceError(f"it couldn't be read within {failure.timed_out:g} s", remedy="push less at once")
    return SourceError(f"the push can't be read: {last_line(failure.stderr)}")


def _valid(
    snapshot: Snapshot, fleet: Fleet, spec: HostedSource, say: Say, capacity: Mapping[str, Capacity]
) -> bool:
    from reconciler.manifests.load import load_tree

    loaded = load_tree(snapshot.root, tree=snapshot.top, fleet=fleet, capacity=capacity)
    errors = loaded.errors
    others = tuple(f for f in loaded.findings if f.severity != "error")
    for finding in (*errors, *others)[:MAX_SHOWN]:
        say(str(_placed(finding, spec.folder)))
    if len(loaded.findings) > MAX_SHOWN:
        say(f"... and {len(loaded.findings) - MAX_SHOWN} more")
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        say(f"refused: {snapshot.revision} has {count}; nothing was changed")
    return not errors


def _placed(finding: Finding, folder: str) -> Finding:
    """With the path that the pusher knows: from the repository's top."""
    path = posixpath.normpath(f"{folder}/{finding.file}")
    return msgspec.structs.replace(finding, file=path)
