"""Reaching a node: Docker's API through SSH beside the same calls on the node's own socket, in the same run.

python -m benchmarks.connect [--runs 20] [--json benchmarks/results/results.json]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.docker_api import Raw
from benchmarks.measure import Row, keep, show
from reconciler.engine.connection.client import Engine, connect
from reconciler.lab import Lab
from reconciler.manifests.inventory import load_fleet
from reconciler.model.fleet import NodeSpec

LIST = "/containers/json?all=1"
CALLS = 300
THREADS = 6


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def connecting(lab: Lab, spec: NodeSpec, runs: int) -> Row:
    """From nothing to the first answer, every cost but Python's imports included."""

    def ours() -> None:
        engine = connect(spec)
        engine.call("GET", "/containers/json")
        engine.close()

    def raw() -> None:
        one = Raw(lab.nodes[0].socket)
        one.call("GET", "/containers/json")
        one.close()

    known, key = spec.known_hosts_file, spec.identity_file
    options = ["-F", "none", "-i", key, "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
    ssh = ["ssh", *options, "-W", f"{lab.nodes[0].ip}:22", f"root@{lab.nodes[0].ip}"]
    ours()
    row = Row(
        "connect to a node, ready for calls", "ms", [], {"own socket, no SSH": [], "ssh -W": []}, "<= 30 ms"
    )
    for _ in range(runs):
        row.ours.append(milliseconds(ours))
        row.peers["own socket, no SSH"].append(milliseconds(raw))
        row.peers["ssh -W"].append(milliseconds(lambda: first_byte(ssh)))
    return row


def first_byte(command: list[str]) -> None:
    """Until OpenSSH's client has logged in and opened one stream."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.kill()


def calling(lab: Lab, engine: Engine, runs: int) -> list[Row]:
    raw = Raw(lab.nodes[0].socket)
    one = Row("one call, kept alive", "ms", [], {"own socket, no SSH": []})
    fresh = Row("one call on a fresh stream", "ms", [], {"own socket, no SSH": []})
    for _ in range(runs):
        one.ours.append(milliseconds(lambda: engine.call("GET", LIST)))
        one.peers["own socket, no SSH"].append(milliseconds(lambda: raw.call("GET", LIST)))
        fresh.ours.append(milliseconds(lambda: list(engine.lines("GET", LIST))))
        fresh.peers["own socket, no SSH"].append(
            milliseconds(lambda: Raw(lab.nodes[0].socket).call("GET", LIST))
        )
    return [one, fresh]


def calls_per_second(lab: Lab, engine: Engine, runs: int) -> Row:
    """`/_ping` from several threads at once: what the connection itself can do."""

    def rate(work: Callable[[int], object]) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        return CALLS * THREADS / (time.perf_counter() - began)

    def ours(_: int) -> None:
        for _ in range(CALLS):
            engine.ping()

    def raw(_: int) -> None:
        own = Raw(lab.nodes[0].socket)
        for _ in range(CALLS):
            own.request("GET", "/_ping")
            own.getresponse().read()
        own.close()

    row = Row(f"calls a second, {THREADS} threads", "calls/s", [], {"own socket, no SSH": []})
    for _ in range(max(1, runs // 5)):
        row.ours.append(rate(ours))
        row.peers["own socket, no SSH"].append(rate(raw))
    return row


def dialling(lab: Lab, engine: Engine, runs: int) -> Row:
    """What a TCP probe costs: a stream to a port of the node."""
    row = Row("a stream to a pod's port", "ms", [])
    for _ in range(runs):
        row.ours.append(milliseconds(lambda: engine.dial(lab.nodes[0].ip, 22, 5).close()))
    return row


def measure(lab: Lab, runs: int) -> list[Row]:
    spec = load_fleet(lab.nodes_yaml).spec.nodes[0]
    rows = [connecting(lab, spec, runs)]
    engine = connect(spec)
    engine.ping()
    rows += [*calling(lab, engine, runs), calls_per_second(lab, engine, runs), dialling(lab, engine, runs)]
    engine.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        lab = Lab.up(name=f"bench-connect-{os.getpid()}", nodes=1, directory=Path(folder) / "lab")
        try:
            rows = measure(lab, arguments.runs)
        finally:
            lab.down()
    show(rows)
    if arguments.json:
        keep(rows, arguments.json)


if __name__ == "__main__":
    main()
