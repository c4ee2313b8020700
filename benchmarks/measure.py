"""A measurement, a table of them, and how they are kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Row:
    """One job. `ours` and `peers` hold every run's figure, in `unit`; `target` is words."""

    job: str
    unit: str
    ours: list[float]
    peers: dict[str, list[float]] = field(default_factory=dict)
    target: str = ""

    def lines(self) -> list[str]:
        mine = statistics.median(self.ours)
        shown = [f"{self.job:<44} {'reconciler':<26} {_range(self.ours, self.unit):<34} {self.target}"]
        for name, figures in self.peers.items():
            ratio = mine / statistics.median(figures)
            shown.append(f"{'':<44} {name:<26} {_range(figures, self.unit):<34} ours is {ratio:.2f} x that")
        return shown


def _range(figures: list[float], unit: str) -> str:
    median = statistics.median(figures)
    return f"{median:.3g} {unit} ({min(figures):.3g} to {max(figures):.3g}, n={len(figures)})"


def show(rows: list[Row]) -> None:
    for row in rows:
        print("\n".join(row.lines()), flush=True)


def table(rows: list[Row]) -> str:
    """In Markdown, medians with their ranges."""
    lines = ["| job | median | range, runs |", "|---|---|---|"]
    for row in rows:
        low, middle, high = min(row.ours), statistics.median(row.ours), max(row.ours)
        spread = f"{low:.3g} to {high:.3g}, {len(row.ours)}" if len(row.ours) > 1 else ""
        lines.append(f"| {row.job} | {middle:.3g} {row.unit} | {spread} |")
    return "\n".join(lines)


def keep(rows: list[Row], path: Path) -> None:
    """Add them to the JSON file at `path`, by job."""
    kept = json.loads(path.read_text()) if path.exists() else {"jobs": {}}
    kept["machine"] = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    kept["jobs"].update({row.job: asdict(row) for row in rows})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def wait_for(holds: Callable[[], bool], within: float = 60.0, every: float = 0.005) -> float:
    """Seconds until it holds."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > within:
            raise TimeoutError(f"not within {within} s")
        time.sleep(every)
    return time.perf_counter() - began


@contextmanager
def quiet_failure(job: str):  # type: ignore[no-untyped-def]  # a generator of nothing
    """A peer that can't run here (a kernel without IPVS, say) leaves its row out, and says so."""
    try:
        yield
    except Exception as error:
        print(f"{job}: left out: {error}", flush=True)
