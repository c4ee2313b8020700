"""Load on a URL while something happens, and exactly what became of each request.

    with load("http://10.43.0.7/", at=lab.entering("pi-1")) as run:
        release("v2")
    assert run.result.failed == 0, run.result

`at` holds the words before a command that make it run elsewhere: none for a client in the nodes' LAN,
`lab.entering(node)` on a node, `lab.entering_container(node, name)` in a pod.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = Path(__file__).with_name("loader.py")


@dataclass(frozen=True)
class Result:
    """Times are seconds since the epoch, or seconds. `failed` requests by their `reasons`; the first of
    them in `failures` as (sent, known, reason). `latency` holds p50, p90, p99, p999 and max.
    `seen` has, for each `VERSION POD`, how many answers came from it, the first and the last when.
    `closed_idle`: connections that the server closed between requests without saying so before.
    """

    ok: int
    failed: int
    reasons: Mapping[str, int]
    failures: Sequence[tuple[float, float, str]]
    failed_from: float
    failed_until: float
    opened: int
    closed_idle: int
    seconds: float
    latency: Mapping[str, float]
    seen: Mapping[str, tuple[int, float, float]]

    @property
    def rate(self) -> float:
        """Requests answered well, per second."""
        return self.ok / self.seconds

    @property
    def failing_s(self) -> float:
        """From the sending of the first request that failed to the end of the last."""
        return self.failed_until - self.failed_from

    @property
    def versions(self) -> set[str]:
        return {who.split()[0] for who in self.seen}

    @property
    def pods(self) -> set[str]:
        return {who.split()[1] for who in self.seen}

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        during = f" ({reasons}; within {self.failing_s:.2f} s)" if self.failed else ""
        milliseconds = " ".join(f"{name} {1000 * value:.1f}" for name, value in self.latency.items())
        return (
            f"{self.ok} ok, {self.failed} failed{during}, {self.rate:.0f}/s, {milliseconds} ms, "
            f"{self.opened} connections, {self.closed_idle} closed idle, by {len(self.seen)} pods"
        )


@dataclass
class Run:
    """`result` is there once the block has ended."""

    process: subprocess.Popen[str]
    found: list[Result] = field(default_factory=list)

    @property
    def result(self) -> Result:
        assert self.found, "the load still runs"
        return self.found[0]


@contextmanager
def load(
    url: str,
    *,
    connections: int = 4,
    rate: float = 200.0,
    keep_alive: bool = True,
    timeout: float = 2.0,
    host: str = "",
    at: Sequence[str] = (),
) -> Iterator[Run]:
    """While the block runs, at most `rate` requests a second over `connections` connections.

    It begins once each of these has made a request. `timeout` is for a whole request, in seconds. `host` is
    asked for instead of the URL's, as at an Ingress.
    """
    given = [str(part) for part in (connections, rate, keep_alive, timeout, host)]
    process = subprocess.Popen(
        [*at, sys.executable, str(PROGRAM), url, *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    run = Run(process)
    try:
        first = process.stdout.readline()
        assert first == "started\n", f"the client could not start at {' '.join(at)}: {first}"
        yield run
    finally:
        try:
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, f"the client died with {process.returncode}"
    run.found.append(Result(**json.loads(said)))
