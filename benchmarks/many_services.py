"""What many services cost: deciding, rendering, telling three nodes, HAProxy's reload, memory and CPU.

python -m benchmarks.many_services [--json benchmarks/results/many_services.json] [--only-decide]

For no service, 50 of 3 endpoints and 500 of 10. On the lab the endpoints are six real pods under many names,
so HAProxy's checks are answered as they would be. Under two minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec.structs import replace

from benchmarks import plan as plans
from benchmarks.measure import Row, keep, show, table, timed
from benchmarks.node_container import NodeContainer
from reconciler.decide import decide
from reconciler.engine.connection.dialogue import Dialogue
from reconciler.engine.real import RealNode
from reconciler.engine.rendering.changes import change
from reconciler.engine.rendering.files import files
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.lab import Lab, samples
from reconciler.manifests.inventory import load_fleet
from reconciler.model.action import Publish
from reconciler.model.desired import Desired
from reconciler.model.progress import Progress
from reconciler.model.service import Service
from reconciler.model.traffic import Endpoint, Name, NodeTraffic, RoutedPort, RoutedService, Slot
from tests.fleet.networking import Place, app, service, settled

SIZES = ((50, 3), (500, 10))
LARGEST = SIZES[-1]


def with_services(desired: Desired) -> Desired:
    """A service, http on port 80, for each Deployment."""
    found = {}
    for key, workload in desired.workloads.items():
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        spec = {"selector": {"app": key.name}, "ports": ports}
        meta = msgspec.to_builtins(workload.metadata)
        whole = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
        made = msgspec.convert(whole, Service)
        found[made.key] = made
    return replace(desired, services=found)


def deciding(services: int, endpoints: int) -> list[Row]:
    """In this process, on as many simulated nodes as hold the pods. `endpoints` is `plans.REPLICAS`."""
    fleet = plans.fleet(services * endpoints // 100)
    wanted = with_services(plans.desired(fleet, services * endpoints))
    simulated, now = SimulatedFleet(fleet), 1_000_000.0
    first = decide(wanted, simulated.observe(now), Progress(), now)
    calm, now = plans.settle(simulated, wanted, first, now)
    seen = simulated.observe(now)
    adopt = [1000 * timed(lambda: decide(wanted, seen, Progress(), now)) for _ in range(3)]
    same = [1000 * timed(lambda: decide(wanted, seen, calm.progress, now, calm.settled)) for _ in range(9)]
    machine = simulated.machines["node-0000"]
    pod = next(iter(sorted(machine.pods)))
    simulated.kill_container(machine.name, pod, "app", now)
    machine.stale = True
    dead = simulated.observe(now)
    one = [1000 * timed(lambda: decide(wanted, dead, calm.progress, now, calm.settled)) for _ in range(9)]
    told = decide(wanted, dead, calm.progress, now, calm.settled)
    if calm.standing != "converged" or not any(isinstance(s.action, Publish) for s in told.steps):
        raise SystemExit("the plans are not what they should be: the figures would mean nothing")
    title = f"{services} services x {endpoints} endpoints"
    nodes = f"{title} on {len(seen.nodes)} nodes"
    before = next(n.traffic for n in seen.nodes.values() if n.traffic)
    after = next(s.action.traffic for s in told.steps if isinstance(s.action, Publish))
    return [
        Row(f"decide, {nodes}: first", "ms", adopt),
        Row(f"decide, {nodes}: unchanged", "ms", same),
        Row(f"decide, {nodes}: one pod changed", "ms", one),
        Row(f"render for a node, {title}", "ms", [1000 * timed(lambda: files(after, {})) for _ in range(5)]),
        Row(
            f"find the commands for a node, {title}",
            "ms",
            [1000 * timed(lambda: change(before, after)) for _ in range(5)],
        ),
    ]


class Nodes:
    """The lab's, told by us instead of a daemon."""

    def __init__(self, place: Place, ips: Sequence[str]) -> None:
        fleet = load_fleet(place.inventory)
        self.place, self.ips = place, ips
        self.real = [RealNode(spec, fleet) for spec in fleet.spec.nodes]
        self.looks = [NodeContainer(place.lab, node, place.fleet) for node in place.lab.nodes]
        self.base = [traffic for node in self.real if (traffic := node.refresh().traffic)]

    def close(self) -> None:
        for node in self.real:
            node.close()

    def tell(self, services: int, endpoints: int, *, less: int = 0, **delivery: Any) -> float:
        """Seconds until all of them do it. The first service has `less` endpoints fewer; see `delivered`."""
        wanted = [delivered(self._traffic(base, services, endpoints, less), **delivery) for base in self.base]
        actions = [Publish(node=t.node, because="a benchmark", owner=None, traffic=t) for t in wanted]
        with ThreadPoolExecutor(len(actions)) as pool:
            return timed(
                lambda: list(
                    pool.map(lambda pair: pair[0].publish(pair[1], {}), zip(self.real, actions, strict=True))
                )
            )

    def _traffic(self, base: NodeTraffic, services: int, endpoints: int, less: int) -> NodeTraffic:
        routed = [self._service(n, endpoints - (less if n == 0 else 0)) for n in range(services)]
        names = [Name(name=f"{s.name}.default.svc.{base.domain}", addresses=(s.ip,)) for s in routed]
        return replace(base, services=tuple(routed), names=tuple(names))

    def _service(self, number: int, endpoints: int) -> RoutedService:
        made = [
            Endpoint(
                name=f"app-{number:03}-5d8f7c9b64-{n}", ip=self.ips[(number + n) % len(self.ips)], port=8080
            )
            for n in range(endpoints)
        ]
        port = RoutedPort(port=80, name="http", http=True, endpoints=tuple(made))
        ip = f"10.43.{1 + number // 250}.{number % 250 + 1}"
        return RoutedService(namespace="default", name=f"app-{number:03}", ip=ip, ports=(port,))

    def reload(self) -> float:
        node = self.place.lab.nodes[0].name
        again = ("exec", f"{self.place.fleet}__node", "/bin/busybox", "sh", "/node")
        bare = timed(lambda: self.place.lab.docker(node, *again, "ready"))
        return max(0.0, timed(lambda: self.place.lab.docker(node, *again, "balance", "again")) - bare)


def delivered(traffic: NodeTraffic, live: Slot = "", weight: int = 100) -> NodeTraffic:
    """Its first service has slots, and a canary of this weight."""
    if not traffic.services:
        return traffic
    first, *others = traffic.services
    port = first.ports[0]
    slots: tuple[Slot, Slot] = ("a", "b")
    ends = tuple(replace(end, slot=slots[n % 2]) for n, end in enumerate(port.endpoints))
    ends = (replace(ends[0], weight=weight), *ends[1:])
    first = replace(first, live=live, ports=(replace(port, endpoints=ends),))
    return replace(traffic, services=(first, *others))


@contextmanager
def sent() -> Iterator[Callable[[], int]]:
    """Counts the bytes that go to node containers."""
    total, original = [0], Dialogue.send

    def send(dialogue: Dialogue, data: bytes) -> None:
        total[0] += len(data)
        original(dialogue, data)

    Dialogue.send = send  # type: ignore[method-assign]
    try:
        yield lambda: total[0]
    finally:
        Dialogue.send = original  # type: ignore[method-assign]


def costs(nodes: Nodes, idle_s: float) -> list[Row]:
    rows = []
    for services, endpoints in ((0, 0), *SIZES):
        title = f"{services} services x {endpoints} endpoints" if services else "no service"
        first = nodes.tell(services, endpoints)
        time.sleep(3.0)
        memory = [look.memory() for look in nodes.looks]
        cpu = nodes.looks[0].cpu(idle_s)
        rows += [
            Row(f"node container, {title}: memory (cgroup)", "MB", [m[0] for m in memory]),
            Row(f"node container, {title}: memory (PSS)", "MB", [m[1] for m in memory]),
            Row(f"node container, {title}: CPU at rest", "% of a core", [cpu]),
        ]
        if services:
            with sent() as bytes_sent:
                less = [1000 * nodes.tell(services, endpoints, less=(n + 1) % 2) for n in range(6)]
                travels = bytes_sent() / 1000 / len(nodes.real) / len(less)
            nodes.tell(services, endpoints, live="a")
            slots = [1000 * nodes.tell(services, endpoints, live="ba"[n % 2]) for n in range(6)]
            weights = [1000 * nodes.tell(services, endpoints, live="a", weight=n) for n in range(1, 7)]
            counted = [1000 * timed(nodes.real[0].counters) for _ in range(6)]
            reloads = [1000 * nodes.reload() for _ in range(3)]
            rows += [
                Row(f"three nodes told, {title}: all of it, with a reload", "s", [first]),
                Row(f"three nodes told, {title}: one endpoint more or less", "ms", less),
                Row(f"three nodes told, {title}: another slot is live", "ms", slots),
                Row(f"three nodes told, {title}: another weight", "ms", weights),
                Row(f"a node's counters read, {title}", "ms", counted),
                Row(f"travels to a node for one endpoint, {title}", "kB", [travels]),
                Row(f"HAProxy reloaded, {title}", "ms", reloads),
            ]
            after = statistics.median(look.memory()[1] for look in nodes.looks)
            rows.append(Row(f"node container, {title}: memory (PSS) after 3 reloads", "MB", [after]))
    return rows


def on_lab(idle_s: float) -> list[Row]:
    lab = Lab.up(name=f"bench-{os.getpid()}")
    try:
        lab.pull(*samples.push_apps(lab).values())
        text = app(f"{lab.registry}/app:v1", replicas=6) + service(
            "app", "selector: {app: app}, ports: [{port: 80}]"
        )
        with TemporaryDirectory() as root, settled(lab, Path(root), text) as place:
            nodes = Nodes(place, sorted(ips(place)))
            try:
                return costs(nodes, idle_s)
            finally:
                nodes.close()
    finally:
        lab.down()


def ips(place: Place) -> set[str]:
    """Of the pods, asked of the engines: no daemon runs."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return {place.lab.docker(pod.node, "inspect", "--format", form, pod.id) for pod in place.pods()}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--json", type=Path, default=Path("benchmarks/results/many_services.json"))
    options.add_argument("--only-decide", action="store_true")
    given = options.parse_args()
    rows = deciding(*LARGEST)
    show(rows)
    if not given.only_decide:
        more = on_lab(15.0)
        show(more)
        rows += more
    print(f"\n{table(rows)}")
    keep(rows, given.json)


if __name__ == "__main__":
    main()
