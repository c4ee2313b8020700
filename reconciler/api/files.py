"""How many files this process may open, and how many of them others may make it open."""

from __future__ import annotations

import resource

ENOUGH = 65_536
"""More is of no use to us, and some old programs that we start walk through every number up to the limit."""
DOOR_MOST = 256
"""Connections at one door at a time, where files are plenty."""
DOOR_SHARE = 4
"""One door takes at most this part of the files: both together leave half to nodes, git and the disk."""


def raise_limit() -> int:
    """The soft limit on open files (1,024 in many systems) becomes the hard one, as far as that is of use.

    Returns what it is now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft if soft != resource.RLIM_INFINITY else ENOUGH
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def door_limit() -> int:
    """How many connections one door may have at a time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return DOOR_MOST if soft == resource.RLIM_INFINITY else max(8, min(DOOR_MOST, soft // DOOR_SHARE))
