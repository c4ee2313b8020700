"""A service under load while its version rolls, and what its proxy costs: each way to run it in turn.

python -m benchmarks.network [--rolls 2] [--seconds 3] [--json benchmarks/results/network.json]

Every contender runs 6 replicas of the same server on the same three nodes, one replaced at a time and the
new one first, and answers for itself in `Service`; the load and the counting are the same for all. In the
end it prints a table in Markdown. It takes four minutes; `benchmarks.endpoints` has the other figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import swarm_proxy
from benchmarks.measure import quiet_failure, timed, wait_for
from benchmarks.swarm import swarm
from benchmarks.wrk import Throughput, wrk
from reconciler.lab import Lab, samples
from tests.fleet.load import Result, load
from tests.fleet.networking import app, service, serving

REPLICAS = 6
RATE = 100.0
"""Requests a second of each client. There are two for each way in: of kept and of new connections."""
AFTER_S = 2.0
"""How long the load goes on after a roll: a proxy may still hold what is gone."""


@dataclass(frozen=True)
class Service:
    """`ways` in, each a URL and the words that take a client to its place. wrk runs `at` a place from which
    `near`, the ways through the proxy, and `direct`, one pod on another node, are reached. `roll` takes a
    version and returns once it is complete; `kill` ends one container without notice.
    """

    ways: Mapping[str, tuple[str, Sequence[str]]]
    near: Mapping[str, str]
    direct: Callable[[], str]
    at: Callable[[], Sequence[str]]
    roll: Callable[[str], object]
    kill: Callable[[], object]


@dataclass
class Figures:
    """What became of requests, by way and kind of connection; `rolls` begin with the seconds it took."""

    rolls: list[tuple[float, dict[str, Result]]] = field(default_factory=list)
    kill: dict[str, Result] = field(default_factory=dict)
    proxied: dict[str, list[Throughput]] = field(default_factory=dict)
    direct: list[Throughput] = field(default_factory=list)

    def lines(self, name: str) -> list[str]:
        found = [f"{name}:"]
        for seconds, results in self.rolls:
            found += [f"  roll, {seconds:.1f} s, {way}: {result}" for way, result in results.items()]
        found += [f"  container killed, {way}: {result}" for way, result in self.kill.items()]
        for way, figures in {**self.proxied, "one pod directly": self.direct}.items():
            found += [f"  {way}: {f.rate:.0f}/s, p99 {f.p99_ms:.1f} ms, {f.errors} errors" for f in figures]
        return found

    def row(self) -> dict[str, str]:
        """Job -> its figure, for the table."""
        each = [result for _, results in self.rolls for result in results.values()]
        killed = self.kill.values()
        failed = [result for result in killed if result.failed]
        rate, p99 = _median(self.direct)
        found = {
            f"requests that failed in {len(self.rolls)} rolling updates under load": (
                f"{sum(r.failed for r in each)} of {sum(r.failed + r.ok for r in each)}"
            ),
            "seconds per rolling update": f"{statistics.median(s for s, _ in self.rolls):.1f} s",
            "the slowest request meanwhile": f"{1000 * max(r.latency['max'] for r in each):.0f} ms",
            "requests that failed when a container was killed": (
                f"{sum(r.failed for r in killed)} of {sum(r.failed + r.ok for r in killed)}"
                + (f", within {max(r.failing_s for r in failed):.2f} s" if failed else "")
            ),
            "the slowest request then": f"{1000 * max(r.latency['max'] for r in killed):.0f} ms",
            "wrk, one pod directly: requests/s, p99": f"{rate:.0f}, {p99:.1f} ms",
        }
        for way, figures in self.proxied.items():
            through, tail = _median(figures)
            found[f"the same through the proxy, {way}, as a ratio"] = (
                f"{through / rate:.2f}, {tail / p99:.2f} ({through:.0f}, {tail:.1f} ms)"
            )
        return found


def _median(figures: list[Throughput]) -> tuple[float, float]:
    return statistics.median(f.rate for f in figures), statistics.median(f.p99_ms for f in figures)


def measure(service: Service, rolls: int, seconds: int) -> Figures:
    """v2, v1, v2 and so on under load; a kill; then the proxy's throughput and a pod's in turn."""
    found = Figures()
    for number in range(rolls):
        version = ("v2", "v1")[number % 2]
        took, results = loaded(service, lambda version=version: service.roll(version))  # type: ignore[misc]
        if any(version not in result.versions for result in results.values()):
            raise RuntimeError(f"{version} did not come: the figures would mean nothing")
        found.rolls.append((took, results))
    _, found.kill = loaded(service, service.kill)
    time.sleep(8.0)  # until what was killed is back
    for _ in range(3):
        found.direct.append(wrk(service.direct(), at=service.at(), seconds=seconds))
        for way, url in service.near.items():
            found.proxied.setdefault(way, []).append(wrk(url, at=service.at(), seconds=seconds))
    return found


def loaded(service: Service, job: Callable[[], object]) -> tuple[float, dict[str, Result]]:
    """Seconds that the job took, and the requests by way and kind of connection meanwhile."""
    with ExitStack() as stack:
        runs = {
            f"{way}, {'kept' if keep else 'new'}": stack.enter_context(
                load(url, connections=4, rate=RATE, keep_alive=keep, at=at)
            )
            for way, (url, at) in service.ways.items()
            for keep in (True, False)
        }
        time.sleep(0.5)
        took = timed(job)
        time.sleep(AFTER_S)
    return took, {way: run.result for way, run in runs.items()}


ONE_BY_ONE = "  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"
PORTS = (
    "type: NodePort, selector: {app: app}, ports: ["
    "{name: http, port: 80, targetPort: http, nodePort: 30080}, "
    "{name: raw, port: 8081, targetPort: http, appProtocol: tcp, nodePort: 30081}]"
)
"""The same pods on a port of each kind: balanced by request, and by connection."""


@contextmanager
def our_service(lab: Lab) -> Iterator[Service]:
    """A Deployment and a Service by a running daemon: through a NodePort from the LAN, through the ClusterIP
    from a node. wrk runs in a pod on the last node.
    """
    first, *_, last = lab.nodes

    def manifests(version: str) -> str:
        image = f"{lab.registry}/app:{version}"
        return app(image, replicas=REPLICAS, more=ONE_BY_ONE) + service("app", PORTS)

    with TemporaryDirectory() as root, serving(lab, Path(root), manifests("v1")) as place:
        ip = place.ip("app")
        yield Service(
            ways={
                "NodePort": (f"http://{last.ip}:30080/", ()),
                "ClusterIP": (f"http://{ip}/", lab.entering(last.name)),
            },
            near={"HTTP": f"http://{ip}/", "TCP": f"http://{ip}:8081/"},
            direct=lambda: f"http://{next(p.ip for p in place.seen().pods if p.node == first.name)}:8080/",
            at=lambda: place.inside(last.name),
            roll=lambda version: place.release(manifests(version)),
            kill=lambda: lab.docker(first.name, "kill", place.pods_by_node()[first.name][0]),
        )


@contextmanager
def swarm_service(lab: Lab) -> Iterator[Service]:
    """Swarm with an overlay network, DNS round robin, and HAProxy on the last node."""
    node = lab.nodes[-1].name
    health = ["--health-cmd", "wget -qO- http://127.0.0.1:8080/healthz", "--health-interval", "1s"]
    order = ["--update-parallelism", "1", "--update-order", "start-first", "--stop-grace-period", "5s"]
    image = f"{lab.registry}/app"
    with swarm(lab) as peer, swarm_proxy.proxy(lab, node) as url:
        peer.create(f"{image}:v1", REPLICAS, *swarm_proxy.SERVICE, *health, *order)
        try:
            wait_for(lambda: swarm_proxy.servers(url) == REPLICAS)
            yield Service(
                ways={"published port": (url, ())},
                near={"HTTP": f"http://127.0.0.1:{swarm_proxy.PORT}/"},
                direct=lambda: f"http://{swarm_proxy.task(lab, lab.nodes[0].name)}:8080/",
                at=lambda: lab.entering_container(node, swarm_proxy.NAME),
                roll=lambda version: peer.update(f"{image}:{version}"),
                kill=lambda: swarm_proxy.kill(lab, lab.nodes[0].name),
            )
        finally:
            peer.remove()


CONTENDERS: dict[str, Callable[[Lab], AbstractContextManager[Service]]] = {
    "reconciler": our_service,
    "Docker Swarm, HAProxy": swarm_service,
}


def table(rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """In Markdown, a column for each contender."""
    jobs = list(dict.fromkeys(job for row in rows.values() for job in row))
    lines = [f"| | {' | '.join(rows)} |", "|---" * (len(rows) + 1) + "|"]
    return lines + [f"| {job} | {' | '.join(row.get(job, '') for row in rows.values())} |" for job in jobs]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rolls", type=int, default=2)
    options.add_argument("--seconds", type=int, default=3, help="of wrk, each time")
    options.add_argument("--json", type=Path, default=Path("benchmarks/results/network.json"))
    given = options.parse_args()
    found: dict[str, Figures] = {}
    lab = Lab.up(name=f"bench-{os.getpid()}")
    try:
        lab.pull(*samples.push_apps(lab).values())
        for name, contender in CONTENDERS.items():
            with quiet_failure(name), contender(lab) as service:
                found[name] = measure(service, given.rolls, given.seconds)
                print("\n".join(found[name].lines(name)), flush=True)
    finally:
        lab.down()
    print("\n".join(table({name: figures.row() for name, figures in found.items()})), flush=True)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
