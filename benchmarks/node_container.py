"""What a node container does and costs, seen from beside it: nothing is asked of the reconciler."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.docker_api import Raw
from reconciler.engine.dataplane.container import node_container, node_volume
from reconciler.lab import Lab
from reconciler.lab.state import LabNode

MEGABYTE = 1e6


@dataclass(frozen=True)
class NodeContainer:
    lab: Lab
    node: LabNode
    fleet: str

    def rotation(self, backend: str) -> set[str]:
        """The addresses (without port) that HAProxy gives connections in this backend, by its own word."""
        rows = [line.split(" ") for line in self.haproxy(f"show servers state {backend}").splitlines()[2:]]
        return {row[4] for row in rows if len(row) > 6 and row[5] == "2" and row[6] == "0"}

    def haproxy(self, command: str) -> str:
        place = self.node.directory / "docker" / "volumes" / node_volume(self.fleet) / "_data"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place / "run" / "haproxy.sock"))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def memory(self) -> tuple[float, float]:
        """By its cgroup, less cached files, and as the sum of its processes' proportional share; in MB."""
        told = self._ask("stats?stream=false&one-shot=true")["memory_stats"]
        stats = told["stats"]
        cached = stats.get("total_inactive_file", stats.get("inactive_file", 0))
        shares = 0
        for pid in self._pids():
            rollup = Path(f"/proc/{pid}/smaps_rollup")
            found = self.lab.exec(self.node.name, ["cat", str(rollup)], check=False).stdout
            shares += sum(int(line.split()[1]) for line in found.splitlines() if line.startswith("Pss:"))
        return (told["usage"] - cached) / MEGABYTE, 1024 * shares / MEGABYTE

    def cpu(self, seconds: float) -> float:
        """Percent of a core, over so long."""
        began, before = time.perf_counter(), self._cpu_seconds()
        time.sleep(seconds)
        return 100 * (self._cpu_seconds() - before) / (time.perf_counter() - began)

    def _cpu_seconds(self) -> float:
        return (
            float(self._ask("stats?stream=false&one-shot=true")["cpu_stats"]["cpu_usage"]["total_usage"])
            / 1e9
        )

    def _pids(self) -> list[str]:
        return [row[0] for row in self._ask("top?ps_args=-eo+pid,args")["Processes"]]

    def _ask(self, what: str) -> Any:
        raw = Raw(self.node.socket)
        try:
            return raw.call("GET", f"/containers/{node_container(self.fleet)}/{what}")
        finally:
            raw.close()
