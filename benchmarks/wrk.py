"""Throughput and latency by wrk, which must be installed; how fast it goes is up to the server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Throughput:
    """`errors` counts failed connects, reads, writes and timeouts, and answers other than 2xx and 3xx."""

    rate: float
    p99_ms: float
    errors: int


def wrk(url: str, *, at: Sequence[str] = (), connections: int = 16, seconds: int = 5) -> Throughput:
    """Keep-alive from one thread, as fast as answers come. `at`: words that make a command run elsewhere."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "2s", url]
    return parse(subprocess.run([*at, *command], check=True, capture_output=True, text=True).stdout)


def parse(text: str) -> Throughput:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    if not rate or not tail:
        raise ValueError(f"not what wrk prints:\n{text}")
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = sum(map(int, failed.groups())) if failed else 0
    return Throughput(
        rate=float(rate[1]),
        p99_ms=float(tail[1]) * UNITS[tail[2]],
        errors=errors + (int(other[1]) if other else 0),
    )
