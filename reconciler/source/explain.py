"""What git says becomes what a person can act upon. Never shows the credentials in a URL."""

from __future__ import annotations

import re

from reconciler.errors import SourceError
from reconciler.printable import printable
from reconciler.source.limits import MAX_OBJECT_MEMORY, MAX_PACK_BYTES
from reconciler.source.process import GitFailed

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_TOLD: tuple[tuple[str, str, str], ...] = (
    (
        r"attempting to allocate .* over limit|out of memory",
        f"it holds an object that takes more than {MAX_OBJECT_MEMORY >> 20} MB of memory to read",
        "keep large files out of the repository",
    ),
    (
        r"file too large|died of signal 25|signal 25",
        f"it is larger than {MAX_PACK_BYTES >> 20} MB",
        "keep what isn't a manifest in a repository of its own",
    ),
    (
        r"unprotected private key file|bad permissions",
        "ssh doesn't take the private key: others may read it",
        "chmod 600 the file that spec.source.git.identityFile names",
    ),
    (
        r"could not resolve host",
        "the server's name can't be resolved",
        "check the name in the URL, and this machine's DNS",
    ),
    (
        (
            r"connection refused|connection timed out|no route to host|network is unreachable"
            r"|failed to connect|operation too slow|connection reset|timed out|remote end hung up"
            r"|early eof|empty reply|returned error: 5\d\d|connection closed|recv failure|gnutls|ssl_"
        ),
        "the server can't be reached",
        "check that it runs and that this machine reaches it; it will be tried again",
    ),
    (
        r"host key verification failed|host key is known|remote host identification has changed",
        "the server's host key isn't known, or has changed",
        "compare its fingerprint with the one its owner publishes, then add it to ~/.ssh/known_hosts",
    ),
    (
        (
            r"permission denied|authentication failed|could not read username|could not read password"
            r"|invalid username|access denied|requested url returned error: 40[13]|terminal prompts disabled"
        ),
        "the server doesn't let us in",
        "give this machine a deploy key (spec.source.git.identityFile) or a git credential helper",
    ),
    (
        r"transport .* not allowed|is not a git command|unable to find remote helper",
        "that kind of URL isn't allowed",
        "use https://, ssh://, user@host:path, git://, or a path",
    ),
    (
        r"dubious ownership",
        "the repository belongs to another user, so git refuses to read it",
        "run the reconciler as that user, or: git config --global --add safe.directory PATH",
    ),
    (
        (
            r"repository .*not found|does not appear to be a git repository|does not exist|not found"
            r"|no such file or directory"
        ),
        "there is no such repository",
        "check the URL, and that this machine's credentials may read it",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "the disk is full",
        "make room for the source's cache",
    ),
)
"""(what git prints, what it means, what to do). The first that fits wins."""

REMOTE = re.compile("|".join(pattern for pattern, _, _ in _TOLD), re.IGNORECASE)
"""Failures for which our own cache isn't to blame."""
NO_REF = re.compile(r"couldn't find remote ref", re.IGNORECASE)
NO_SHALLOW = re.compile(r"does not support shallow|shallow", re.IGNORECASE)


def redacted(text: str) -> str:
    """A URL, or a line of a message, without user and password; control characters are written out."""
    return printable(_CREDENTIALS.sub("", text))


def explain(url: str, failure: GitFailed) -> SourceError:
    """A failure to read `url`."""
    where = redacted(url)
    if failure.timed_out is not None:
        return SourceError(
            f"no answer within {failure.timed_out:g} s",
            where=where,
            remedy="check that the server runs and that this machine reaches it; it will be tried again",
        )
    detail = last_line(failure.stderr)
    for pattern, meaning, remedy in _TOLD:
        if re.search(pattern, failure.stderr, re.IGNORECASE):
            return SourceError(f"{meaning} ({detail})", where=where, remedy=remedy)
    return SourceError(
        f"git {failure.what} failed: {detail}", where=where, remedy=f"try it by hand: git ls-remote {where}"
    )


def last_line(stderr: str) -> str:
    """The line of git's that says most: the last `fatal:` or `error:`, else the last one."""
    lines = [redacted(line.strip()) for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))]
    vague = ("fatal: Could not read from remote repository", "fatal: the remote end hung up")
    clear = [line for line in telling if not line.startswith(vague)]
    chosen = (clear or lines[:1] or ["no message"])[-1]
    return chosen.removeprefix("fatal: ").removeprefix("error: ")[:300]
