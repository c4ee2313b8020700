"""A service under load while its version rolls, and what its proxy costs: each way to run it in turn.

python -m benchmarks.network [--rolls 4] [--json benchmarks/results/network.json]

Every contender runs 6 replicas of the same server on the same three nodes, one replaced at a time and the
new one first, and answers for itself in `Service`; the load and the counting are the same for all.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import swarm_proxy
from benchmarks.measure import quiet_failure, timed, wait_for
from benchmarks.swarm import swarm
from benchmarks.wrk import Throughput, wrk
from reconciler.lab import Lab, samples
from tests.fleet.load import Result, load

REPLICAS = 6
AFTER_S = 2.0
"""How long the load goes on after a roll: a proxy may still hold what is gone."""


@dataclass(frozen=True)
class Service:
    """`url` is for clients in the LAN. wrk runs `at` a place from which both `near`, through the proxy, and
    `direct`, one pod on another node, are reached. `roll` takes a version and returns once it is complete;
    `kill` ends one container without notice.
    """

    url: str
    near: str
    direct: Callable[[], str]
    at: Sequence[str]
    roll: Callable[[str], object]
    kill: Callable[[], object]


@dataclass
class Figures:
    """What became of requests over kept and over new connections; `rolls` begin with the seconds it took."""

    rolls: list[tuple[float, Result, Result]] = field(default_factory=list)
    kills: list[tuple[Result, Result]] = field(default_factory=list)
    proxied: list[Throughput] = field(default_factory=list)
    direct: list[Throughput] = field(default_factory=list)

    def lines(self, name: str) -> list[str]:
        each = [result for _, *both in self.rolls for result in both]
        failed, every = sum(r.failed for r in each), sum(r.ok + r.failed for r in each)
        took = sum(seconds for seconds, *_ in self.rolls) / len(self.rolls)
        head = f"{len(self.rolls)} rolls of {took:.1f} s, {failed} requests failed of {every}"
        found = [f"{name}: {head}"]
        for seconds, *both in self.rolls:
            found += [f"  roll, {seconds:.1f} s: {result}" for result in both]
        for pair in self.kills:
            found += [f"  container killed: {result}" for result in pair]
        for way, figures in (("through the proxy", self.proxied), ("one pod directly", self.direct)):
            found += [f"  {way}: {f.rate:.0f}/s, p99 {f.p99_ms:.1f} ms, {f.errors} errors" for f in figures]
        return found


def measure(service: Service, rolls: int) -> Figures:
    """v2, v1, v2 and so on under load; a kill; then the proxy's throughput and a pod's in turn."""
    found = Figures()
    for number in range(rolls):
        version = ("v2", "v1")[number % 2]
        took, kept, new = loaded(service.url, lambda version=version: service.roll(version))  # type: ignore[misc]
        if version not in kept.versions & new.versions:
            raise RuntimeError(f"{version} did not come: the figures would mean nothing")
        found.rolls.append((took, kept, new))
    _, *killed = loaded(service.url, service.kill)
    found.kills.append((killed[0], killed[1]))
    time.sleep(10.0)  # until what was killed is back
    for _ in range(2):
        found.proxied.append(wrk(service.near, at=service.at))
        found.direct.append(wrk(service.direct(), at=service.at))
    return found


def loaded(url: str, job: Callable[[], object], rate: float = 200.0) -> tuple[float, Result, Result]:
    """Seconds that the job took, and the requests over kept and over new connections meanwhile."""
    with (
        load(url, connections=8, rate=rate) as kept,
        load(url, connections=8, rate=rate, keep_alive=False) as new,
    ):
        took = timed(job)
        time.sleep(AFTER_S)
    return took, kept.result, new.result


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
                url=url,
                near=f"http://127.0.0.1:{swarm_proxy.PORT}/",
                direct=lambda: f"http://{swarm_proxy.task(lab, lab.nodes[0].name)}:8080/",
                at=lab.entering_container(node, swarm_proxy.NAME),
                roll=lambda version: peer.update(f"{image}:{version}"),
                kill=lambda: swarm_proxy.kill(lab, lab.nodes[0].name),
            )
        finally:
            peer.remove()


CONTENDERS: dict[str, Callable[[Lab], AbstractContextManager[Service]]] = {
    "Docker Swarm, HAProxy": swarm_service
}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rolls", type=int, default=4)
    options.add_argument("--json", type=Path, default=Path("benchmarks/results/network.json"))
    given = options.parse_args()
    found: dict[str, Figures] = {}
    lab = Lab.up(name=f"bench-{os.getpid()}")
    try:
        lab.pull(*samples.push_apps(lab).values())
        for name, contender in CONTENDERS.items():
            with quiet_failure(name), contender(lab) as service:
                found[name] = measure(service, given.rolls)
                print("\n".join(found[name].lines(name)), flush=True)
    finally:
        lab.down()
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
