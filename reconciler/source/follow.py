"""The post-receive hook's half of the talk with the daemon: wake it, show the rollout's lines.

Plain HTTP/1.0 over a Unix socket: the answer ends with the connection, and no HTTP library has to be
imported while a pusher waits. A pusher who goes away hurts nobody: the daemon works on by itself.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECT_TIMEOUT_S = 3.0
SILENCE_S = 900.0
"""Longest time without a line; a rollout may well wait for a deadline of ten minutes."""

Say = Callable[[str], None]


def wake(door: Path) -> bool:
    """Whether a daemon is there; it then looks at the repository at once."""
    try:
        with _asked(door, "POST", "/wake", CONNECT_TIMEOUT_S) as lines:
            return next(lines, "").split()[1:2] in (["200"], ["202"], ["204"])
    except OSError:
        return False


def follow(door: Path, commit: str, say: Say, silence: float = SILENCE_S) -> int:
    """Say each line until the commit has converged (0) or not (1)."""
    try:
        with _asked(door, "GET", f"/follow/{commit}", silence) as lines:
            return _told(_body(lines), say)
    except TimeoutError:
        say(f"no news for {silence:g} s; the rollout goes on, `reconciler status` shows it")
    except OSError as error:
        say(f"the reconciler can't be asked any more ({error.strerror or error}); {_KEPT}")
    return 1


def _told(lines: Iterator[str], say: Say) -> int:
    """`exit: 0` or `exit: 1 why` is the last line."""
    for line in lines:
        mark, _, rest = line.partition(": ")
        if mark == "exit" and rest[:1].isdigit():
            code, _, why = rest.partition(" ")
            if code == "0":
                say("converged")
                return 0
            say(f"not converged: {why or 'see `reconciler status`'}")
            return 1
        say(line)
    say(f"the reconciler was stopped; {_KEPT}")
    return 1


_KEPT = "the push is kept, and it will go on with it when it runs again"


def _body(lines: Iterator[str]) -> Iterator[str]:
    status = next(lines, "")
    for line in lines:
        if not line:
            break
    if status.split()[1:2] != ["200"]:
        raise OSError(f"it answered {status or 'nothing'}")
    yield from lines


@contextmanager
def _asked(door: Path, method: str, path: str, timeout: float) -> Iterator[Iterator[str]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(CONNECT_TIMEOUT_S)
        link.connect(str(door))
        link.settimeout(timeout)
        link.sendall(f"{method} {path} HTTP/1.0\r\nHost: reconciler\r\nContent-Length: 0\r\n\r\n".encode())
        with link.makefile("r", encoding="utf-8", errors="replace", newline=None) as answer:
            yield (line.rstrip("\n") for line in answer)
