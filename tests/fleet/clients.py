"""Clients of the pods on every node while something happens, and what they saw.

Nodes are asked side by side but not at one instant. So a pod counts as answering at a time unless the
rounds before and after that time both say no, and as there only if both say yes: never a false alarm.
For the same reason one that has been told to end isn't counted as one too many, however long that takes it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path

from tests.fleet.site import Site, until

STOP = re.compile(r"^(\S+Z) info loop: stop (\S+)@", re.MULTILINE)
Round = tuple[float, float, dict[str, str | None]]


@dataclass
class Witness:
    """Node -> its rounds, in order; pod -> when it was told to end, in seconds since the epoch."""

    rounds: dict[str, list[Round]] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)

    def times(self) -> list[float]:
        """Every moment in which some round began, once all clients were at work and until the first ended."""
        first = max(rounds[0][1] for rounds in self.rounds.values())
        last = min(rounds[-1][0] for rounds in self.rounds.values())
        return sorted(r[0] for rounds in self.rounds.values() for r in rounds if first <= r[0] <= last)

    def answering(self, at: float, *, surely: bool) -> list[str]:
        """Pods that answer at this time; with `surely` false, those that may."""
        found: list[str] = []
        for rounds in self.rounds.values():
            before, after = _around(rounds, at)
            yes = [{p for p, body in r[2].items() if body is not None} for r in (before, after)]
            found += yes[0] & yes[1] if surely else yes[0] | yes[1]
        return sorted(found)

    def fewest(self) -> int:
        return min(len(self.answering(at, surely=False)) for at in self.times())

    def most(self) -> int:
        return max(len(self.staying(at)) for at in self.times())

    def staying(self, at: float) -> list[str]:
        """Pods that surely answer and haven't been told to end."""
        return [pod for pod in self.answering(at, surely=True) if at < self.ends.get(pod, inf)]

    def bodies(self) -> set[str]:
        every = (body for rounds in self.rounds.values() for r in rounds for body in r[2].values())
        return {body for body in every if body is not None}


def _around(rounds: list[Round], at: float) -> tuple[Round, Round]:
    """The last round that had ended and the first that had not begun."""
    after = bisect_left(rounds, at, key=lambda r: r[0])
    before = bisect_left(rounds, at, key=lambda r: r[1]) - 1
    return rounds[max(before, 0)], rounds[min(after, len(rounds) - 1)]


@contextmanager
def clients(site: Site) -> Iterator[Witness]:
    """While the block runs every pod is asked all the time; the witness is complete after it."""
    witness = Witness()
    program = Path(__file__).with_name("poller.py")
    files = {node.name: site.root / f"seen-{node.name}" for node in site.lab.nodes}
    running = []
    for name, file in files.items():
        command = [*site.lab.entering(name), sys.executable, str(program), site.fleet]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file.open("wb")))
    try:
        until(lambda: all(f.stat().st_size for f in files.values()), "clients on every node")
        yield witness
    finally:
        for process in running:
            process.communicate(timeout=30)
    for name, file in files.items():
        lines = file.read_text().split("\n")[:-1]
        witness.rounds[name] = [(b, e, answers) for b, e, answers in map(json.loads, lines)]
    witness.ends |= {pod: datetime.fromisoformat(at).timestamp() for at, pod in STOP.findall(site.log())}
