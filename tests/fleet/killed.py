"""A reconciler that is killed at its N-th effect, over and over, without paying for its imports each time.

Reads `N MODE` lines from stdin; for each it forks a child that runs `reconciler apply` and prints the
child's exit status (-9: it was killed) and how many effects it had. An effect is a call of Docker's API
that changes something. MODE: `sent`, killed as soon as the N-th has been sent, its answer never read;
`answered`, killed once its answer has begun to arrive. N = 0 lets it live.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from reconciler import cli, wiring  # noqa: F401 (here, not in the children: that is what makes them quick)
from reconciler.cli import apply, live  # noqa: F401
from reconciler.engine import real  # noqa: F401
from reconciler.engine.connection import ssh  # noqa: F401
from reconciler.engine.connection.http import Connection
from reconciler.loop import cycle, narrate, once, wanted  # noqa: F401
from reconciler.manifests import inventory, load  # noqa: F401
from reconciler.record import progress, store  # noqa: F401
from reconciler.source import directory, open  # noqa: F401

CHANGES = frozenset({"POST", "PUT", "DELETE"})


class Fuse:
    """Ends this very process, as SIGKILL does, at the N-th effect of all its connections."""

    def __init__(self, number: int, mode: str, tally: Path) -> None:
        self._number, self._mode, self._tally = number, mode, tally
        self._lock, self._counter = threading.Lock(), itertools.count(1)

    def install(self) -> None:
        original, fuse = Connection.getresponse, self

        def getresponse(connection: Connection) -> HTTPResponse:
            """The request has been sent whole."""
            method = str(getattr(connection, "_method", ""))
            number = fuse.count(method)
            fuse.blow(number, "sent")
            response = original(connection)
            fuse.blow(number, "answered")
            return response

        Connection.getresponse = getresponse  # type: ignore[method-assign] # the fuse is this program's point

    def count(self, method: str) -> int:
        if method not in CHANGES:
            return 0
        with self._lock:
            number = next(self._counter)
            self._tally.write_text(str(number))
            return number

    def blow(self, number: int, mode: str) -> None:
        if number and number == self._number and mode == self._mode:
            with self._lock:  # another thread's tally is written whole
                os.kill(os.getpid(), signal.SIGKILL)


def child(number: int, mode: str, tally: Path, output: Path) -> None:
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    Fuse(number, mode, tally).install()
    sys.argv = ["reconciler", "apply", "--timeout", "30s"]
    cli.main()


def main(place: Path) -> None:
    tally, output = place / "tally", place / "output"
    for line in sys.stdin:
        number, mode = line.split()
        tally.write_text("0")
        output.write_text("")
        pid = os.fork()
        if pid == 0:
            child(int(number), mode, tally, output)
        status: Any = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(status, tally.read_text(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
