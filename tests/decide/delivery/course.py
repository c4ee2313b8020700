"""A delivery on the simulated fleet, told as it goes: what happened when, and who got which traffic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from reconciler.decide.analysis import after_measurement
from reconciler.decide.delivery.orders import ordered
from reconciler.model.analysis import AnalysisTemplate
from reconciler.model.delivery import Delivery, Order, Verb
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.model.progress import RolloutState
from reconciler.model.service import Service
from reconciler.model.traffic import RoutedService
from tests.decide.builders import ROLLOUT, desired, fleet, rollout, service
from tests.laws.world import World

NETWORK = {"enabled": True}


def fleet_of(*nodes: str) -> Any:
    listed = [{"name": n, "internalIP": f"192.0.2.{i}"} for i, n in enumerate(nodes or ("pi-1", "pi-2"), 1)]
    return fleet(*listed, network=NETWORK)


class Course(World):
    """`measure` says how a measurement comes out, as JSON; it is asked at the moment that one is due. `key`
    is what is delivered.
    """

    key: Key = ROLLOUT

    def __init__(
        self,
        strategy: dict[str, Any],
        *services: Service,
        templates: tuple[AnalysisTemplate, ...] = (),
        replicas: int = 4,
        nodes: tuple[str, ...] = (),
        measure: Callable[[Measure], str] = lambda _: "1",
        **spec: Any,
    ) -> None:
        self._make = dict(strategy=strategy, replicas=replicas, **spec)
        self._services, self._templates, self.of = services, templates, fleet_of(*nodes)
        self.measure = measure
        self.number = 0
        super().__init__(self.version("v1"))
        self.run()

    def version(self, image: str, *, subject: str = "Update", **more: Any) -> Desired:
        """A new commit with this image."""
        self.number += 1
        whole = self._make | more
        item = rollout(whole.pop("strategy"), image=f"web:{image}", **whole)
        return desired(
            item,
            of=self.of,
            revision=f"{self.number:07d}" + "0" * 33,
            subject=subject,
            services=self._services,
            templates=self._templates,
        )

    def push(self, image: str, **more: Any) -> str:
        """Commit a version and take in all that comes at once; returns its hash."""
        self.commit(self.version(image, **more))
        self.settle()
        return self.commits[-1].hashes[self.key]

    def settle(self, passes: int = 200) -> None:
        """Pass after pass, as long as pods start and stop or something is measured, without waiting longer
        than two seconds for anything.
        """
        end = self.now + 2.0
        for _ in range(passes):
            plan = self.turn()
            self.measured()
            if plan.steps or plan.measures:
                self.now += 0.01
                continue
            moments = [m for m in (self.wake_at, self.fleet.next_change(self.now)) if m is not None]
            later = min((m for m in moments if m > self.now), default=None)
            if later is None or later > end:
                return
            self.now = later
        raise AssertionError(f"no rest after {passes} passes:\n{self.plan}")

    @property
    def wake_at(self) -> float | None:
        """By the machines' clock."""
        return None if self.plan.wake_at is None else self.plan.wake_at - self.skew

    def measured(self) -> None:
        for asked in self.plan.measures:
            self.progress = after_measurement(
                self.progress,
                Measured(
                    run=asked.run,
                    metric=asked.metric.name,
                    number=asked.number,
                    started_at=self.clock,
                    finished_at=self.clock,
                    value=self.measure(asked),
                ),
            )

    def wait(self, seconds: float) -> None:
        """Let this much time go by, looking whenever there is something to look at."""
        end = self.now + seconds
        while True:
            self.settle()
            later = self.wake_at
            if later is None or later > end:
                break
            self.now = max(later, self.now + 0.001)
        self.now = end
        self.settle()

    def order(self, verb: Verb, who: str = "ada@desk") -> str:
        order = Order(about=self.key, verb=verb, who=who, at=self.clock)
        self.progress, words = ordered(self.progress, order, self.desired)
        self.settle()
        return words

    @property
    def state(self) -> RolloutState:
        return self.progress.rollouts[self.key]

    @property
    def way(self) -> Delivery:
        assert self.state.delivery is not None
        return self.state.delivery

    @property
    def standing(self) -> str:
        verdict = self.plan.verdicts[self.key]
        return f"{verdict.standing}: {verdict.message}" if verdict.message else verdict.standing

    def pods(self) -> dict[str, int]:
        """Pods by image tag."""
        found: dict[str, int] = {}
        for pod in self.observe().by_owner.get(self.key, ()):
            if not pod.terminating:
                tag = pod.record.spec.containers[0].image.partition(":")[2]
                found[tag] = found.get(tag, 0) + 1
        return dict(sorted(found.items()))

    def routed(self, name: str = "web", node: str = "pi-1") -> RoutedService:
        traffic = self.fleet.machines[node].traffic
        assert traffic is not None
        return next(s for s in traffic.services if s.name == name)

    def shares(self, name: str = "web") -> dict[str, float]:
        """Percent of the service's traffic by image tag, as the first node's proxy splits it."""
        port = self.routed(name).ports[0]
        live = self.routed(name).live
        tags = self.tags()
        sums: dict[str, float] = {}
        for end in port.endpoints:
            if end.state == "ready" and end.slot == live and end.weight:
                sums[tags[end.name]] = sums.get(tags[end.name], 0) + end.weight
        whole = sum(sums.values())
        return {tag: round(100 * part / whole, 2) for tag, part in sorted(sums.items())} if whole else {}

    def tags(self) -> dict[str, str]:
        pods = self.observe().by_owner.get(self.key, ())
        return {p.record.name: p.record.spec.containers[0].image.partition(":")[2] for p in pods}

    def forget(self) -> None:
        """All of the reconciler's memory is lost."""
        self.restart(lost=True)
        self.settle()


def web(name: str = "web") -> Service:
    return msgspec.structs.replace(
        service("web"), metadata=msgspec.structs.replace(service("web").metadata, name=name)
    )
