"""How long deciding takes on simulated fleets: first plan, adoption, no change, one change; and memory.

python -m benchmarks.plan [--json FILE] [NODES/PODS ...]        default: 100/3000 1000/30000
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from reconciler.decide import decide
from reconciler.decide.attempts import after_success
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.model.action import StartPod
from reconciler.model.desired import Desired
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.plan import Plan
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision
from reconciler.model.workload import Deployment

REPLICAS = 10
SIZES = ("100/3000", "1000/30000")
TARGETS = {"first plan": 6.0, "adopt": 6.0, "nothing changed": 0.050, "one Deployment changed": 0.020}
"""Seconds, for 1,000 nodes and 30,000 pods."""


def fleet(nodes: int) -> Fleet:
    listed = [{"name": f"node-{n:04}", "address": "ssh://root@host"} for n in range(nodes)]
    spec = {"nodes": listed, "network": {"podCIDR": "10.0.0.0/8"}}
    whole = {"apiVersion": "reconciler.io/v1", "kind": "Fleet", "metadata": {"name": "bench"}, "spec": spec}
    return msgspec.convert(whole, Fleet)


def deployment(number: int, tag: str = "v1") -> Deployment:
    labels = {"app": f"app-{number:04}"}
    requests = {"cpu": "20m", "memory": "64Mi"}
    container = {"name": "app", "image": f"app:{tag}", "resources": {"requests": requests}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    meta = {"name": f"app-{number:04}", "namespace": "default"}
    return msgspec.convert(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, Deployment
    )


def desired(of: Fleet, pods: int) -> Desired:
    workloads = {(d := deployment(n)).key: d for n in range(pods // REPLICAS)}
    hashes = dict.fromkeys(workloads, "aaaaaaaaaa")
    return Desired(fleet=of, revision=Revision(id="1" * 40), workloads=workloads, hashes=hashes)


def timed(call: Callable[[], Plan], repeat: int) -> tuple[float, Plan]:
    """The fewest seconds, and the last plan: what others do on the machine only ever adds."""
    times = []
    for _ in range(repeat):
        gc.collect()
        began = time.perf_counter()
        plan = call()
        times.append(time.perf_counter() - began)
    return min(times), plan


def settle(simulated: SimulatedFleet, wanted: Desired, first: Plan, now: float) -> tuple[Plan, float]:
    """Do what the plan says until there is nothing left to do; returns the last plan and the time by then."""
    plan = first
    while plan.steps:
        progress = plan.progress
        for step in plan.steps:
            simulated.perform(step.action, now)
            if isinstance(step.action, StartPod):
                progress = after_success(progress, step.action.key)
        now += 1
        plan = decide(wanted, simulated.observe(now), progress, now, plan.settled)
    return plan, now


def change_one(wanted: Desired) -> Desired:
    key = Key("Deployment", "default", "app-0000")
    return msgspec.structs.replace(
        wanted,
        revision=Revision(id="2" * 40),
        workloads=wanted.workloads | {key: deployment(0, "v2")},
        hashes=wanted.hashes | {key: "bbbbbbbbbb"},
    )


def measure(nodes: int, pods: int) -> dict[str, Any]:
    of = fleet(nodes)
    wanted, simulated, now = desired(of, pods), SimulatedFleet(of), 1_000_000.0
    empty = simulated.observe(now)
    first_s, first = timed(lambda: decide(wanted, empty, Progress(), now), 1 if nodes >= 1000 else 3)
    settled, now = settle(simulated, wanted, first, now)
    seen = simulated.observe(now)
    adopt_s, adopted = timed(lambda: decide(wanted, seen, Progress(), now), 3)
    calm_s, calm = timed(lambda: decide(wanted, seen, settled.progress, now, settled.settled), 9)
    changed = change_one(wanted)
    one_s, one = timed(lambda: decide(changed, seen, calm.progress, now, calm.settled), 9)
    if settled.standing != "converged" or adopted.steps or calm.steps or not one.steps:
        raise SystemExit("the plans are not what they should be: the figures would mean nothing")
    return {
        "nodes": nodes,
        "pods": pods,
        "deployments": len(wanted.workloads),
        "first plan": first_s,
        "first plan, pods per second": pods / first_s,
        "adopt": adopt_s,
        "nothing changed": calm_s,
        "one Deployment changed": one_s,
        "one Deployment changed, steps": len(one.steps),
        "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| plan, simulated | " + " | ".join(f"{r['nodes']} nodes / {r['pods']} pods" for r in rows) + " |"
    ]
    lines.append("|---|" + "---|" * len(rows))
    for name in rows[0]:
        if name not in ("nodes", "pods"):
            lines.append(f"| {name} | " + " | ".join(_cell(name, r[name]) for r in rows) + " |")
    return "\n".join(lines)


def _cell(name: str, value: float) -> str:
    if name in TARGETS:
        return f"{value * 1000:.1f} ms (target at 1,000/30,000: {TARGETS[name] * 1000:.0f})"
    return f"{value:.0f}"


def main(arguments: list[str]) -> None:
    target = None
    if "--json" in arguments:
        at = arguments.index("--json")
        target = Path(arguments[at + 1])
        arguments = arguments[:at] + arguments[at + 2 :]
    rows = [measure(*map(int, size.split("/"))) for size in arguments or SIZES]
    print(table(rows))
    if target:
        target.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
