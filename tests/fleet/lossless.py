"""Clients by every way in while a deed is done, of whose requests not one may fail."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.fleet.load import Result, load
from tests.fleet.rollouts import NODE_PORT, Course

RATE = 40.0
TIMEOUT_S = 5.0
"""Of a request, as wrk has it: a machine that is busy with other labs may stand still for a second or two."""
PAUSE_MS = 10
"""wrk's, on each of its connections between an answer and the next request."""
AFTER_S = 0.5
"""How long the load goes on after the deed: a proxy may still hold what is gone."""


@dataclass(frozen=True)
class Witnessed:
    """`results` by way and kind of connection. `wrk` is what it says in the end."""

    results: Mapping[str, Result]
    wrk: str

    def lossless(self) -> None:
        told = "\n".join(f"{way}: {result}" for way, result in self.results.items()) + f"\n{self.wrk}"
        assert all(r.failed == 0 for r in self.results.values()), told
        assert all(r.ok > 5 for r in self.results.values()), told  # even when it stood still meanwhile
        assert "requests in" in self.wrk, told
        assert "Socket errors" not in self.wrk and "Non-2xx" not in self.wrk, told

    def last(self, version: str) -> float:
        """When this version last answered anybody, in seconds since the epoch."""
        return max(seen[2] for r in self.results.values() for who, seen in r.seen.items() if version in who)


def witnessed(course: Course, deed: Callable[[], object], host: str = "") -> Witnessed:
    """By NodePort from outside, by ClusterIP from a node, at an Ingress with `host`; and wrk."""
    place = course.place
    ways: dict[str, tuple[str, list[str], str]] = {
        "NodePort": (course.url("pi-2"), [], ""),
        "ClusterIP": (f"http://{place.ip('app')}/", list(place.lab.entering("pi-1")), ""),
    }
    if host:
        ways["Ingress"] = (f"http://{place.lab.node('pi-1').ip}/", [], host)
    with ExitStack() as stack:
        runs = {
            f"{way}, {'kept' if keep else 'new'}": stack.enter_context(
                load(url, connections=2, rate=RATE, keep_alive=keep, timeout=TIMEOUT_S, at=at, host=name)
            )
            for way, (url, at, name) in ways.items()
            for keep in (True, False)
        }
        said = stack.enter_context(wrk(f"http://{place.lab.node('pi-3').ip}:{NODE_PORT}/"))
        deed()
        time.sleep(AFTER_S)
    return Witnessed({way: run.result for way, run in runs.items()}, said[0])


@contextmanager
def wrk(url: str) -> Iterator[list[str]]:
    """While the block runs; what it says is there after it. It keeps its connections.

    Some hundred requests a second: at full speed (`test_zero_loss`) it takes the processors from what it is
    to watch, and from other tests.
    """
    limits = ["--duration", "300s", "--timeout", f"{TIMEOUT_S:.0f}s"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"function delay() return {PAUSE_MS} end\n")
        script.flush()
        command = ["wrk", "--threads", "1", "--connections", "4", *limits, "--script", script.name, url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said: list[str] = []
        try:
            yield said
        finally:
            process.send_signal(signal.SIGINT)
            said.append(process.communicate(timeout=30)[0])
