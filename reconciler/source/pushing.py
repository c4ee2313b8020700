"""Where may be pushed to, and a push: never by force, and says in words why a server doesn't take it."""

from __future__ import annotations

import re

from reconciler.errors import SourceError
from reconciler.model.base import Value
from reconciler.source.explain import explain, last_line, redacted
from reconciler.source.process import Git, GitFailed

TIMEOUT_S = 60.0
_MOVED = re.compile(
    r"non-fast-forward|fetch first|stale info|failed to update ref|cannot lock ref|incorrect old value", re.I
)
_RIGHTS = re.compile(
    r"permission (to .* )?denied|returned error: 403|read.?only|not allowed to push|write access"
    r"|insufficient permission|unable to create temporary object|not authori[sz]ed|access denied"
    r"|unable to write|deploy key",
    re.I,
)
_REJECTED = re.compile(r"^ ! \[remote rejected\].*\((.*)\)$", re.M)
_REMOTE = re.compile(r"^remote: *(.*\S)", re.M)
SHOWN = 3
"""Lines of what the server says."""
HOLD = "or set spec.onAbort to hold"


class Place(Value):
    """A branch that may be pushed to. `options` are git's push options."""

    url: str
    branch: str
    subfolder: str = "."
    identity_file: str = ""
    options: tuple[str, ...] = ()


def push(git: Git, place: Place, commit: str) -> bool:
    """False when the branch has moved meanwhile. Raises `SourceError`."""
    given = [part for option in place.options for part in ("--push-option", option)]
    to = f"{commit}:refs/heads/{place.branch}"
    try:
        git.run("push", "--quiet", *given, "--", place.url, to, timeout=TIMEOUT_S)
    except GitFailed as failure:
        if failure.timed_out is None and not _RIGHTS.search(failure.stderr) and _MOVED.search(failure.stderr):
            return False
        raise _refused(place, failure) from failure
    return True


def _refused(place: Place, failure: GitFailed) -> SourceError:
    """No rights, a protected branch, a hook of the server's that said no; else as for a fetch."""
    where = f"{redacted(place.url)} {place.branch}"
    if _RIGHTS.search(failure.stderr):
        remedy = f"give this machine's key or credential the right to push to {place.branch}, {HOLD}"
        return SourceError(f"we may not push ({_said(failure.stderr)})", where=where, remedy=remedy)
    if _REJECTED.search(failure.stderr):
        remedy = f"let this machine's key or credential push to {place.branch}, {HOLD}"
        return SourceError(
            f"the server refuses the push ({_said(failure.stderr)})", where=where, remedy=remedy
        )
    return explain(place.url, failure)


def _said(stderr: str) -> str:
    """The server's own words, if it has any, and git's reason."""
    words = [redacted(line.strip()) for line in _REMOTE.findall(stderr)][:SHOWN]
    reasons = [redacted(r) for r in _REJECTED.findall(stderr)] or ([] if words else [last_line(stderr)])
    return "; ".join([*words, *reasons])[:300]
