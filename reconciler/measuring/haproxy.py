"""What our own proxies have counted: requests, errors and times of both versions since the look before.

    canary, stable: requests, errors    how many
                    errorRate           errors / requests, 0 without any request
                    requestRate         per second
                    latency             milliseconds to the answer, on average; null without any request

The counts of the look before are kept in memory. Without any, two looks are taken, some seconds apart. After
too few requests the earlier counts stay, so that requests add up until there are enough to judge by.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from reconciler.errors import MeasurementError
from reconciler.model.analysis import HAProxyMetric
from reconciler.model.base import Value
from reconciler.model.plan import Measure
from reconciler.model.traffic import Counter

LOOK_S, LONGEST_LOOK_S = 10.0, 60.0
"""Seconds between the first two looks, where the metric has no interval, and at most."""
MOST_KEPT = 512
"""Metrics whose counts are kept."""

Read = Callable[[], Mapping[str, Sequence[Counter]]]
"""Every node's counters, by node; a node that can't be asked is left out."""


class _Place(NamedTuple):
    node: str
    service: str
    pod: str


class _Look(NamedTuple):
    at: float
    counts: dict[_Place, Counter]
    nodes: frozenset[str]


_NONE = _Look(0.0, {}, frozenset())


class Lacking(Value):
    """There was too little to judge by, and why."""

    because: str


class Rates:
    """`wait(seconds)` sleeps, and returns True when everything is to end."""

    def __init__(
        self, read: Read, wait: Callable[[float], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._wait, self._clock = read, wait, clock
        self._looks: OrderedDict[tuple[object, str], _Look] = OrderedDict()
        self._lock = Lock()

    def measure(self, asked: Measure, metric: HAProxyMetric) -> dict[str, object] | Lacking:
        """Raises `MeasurementError`."""
        least = _least(metric)
        if not asked.canary:
            return Lacking(because="there is no pod of the new version yet")
        key = asked.run, asked.metric.name
        with self._lock:
            before = self._looks.get(key)
        if before is None:
            before = self._look(_NONE)
            if self._wait(min(asked.interval or LOOK_S, LONGEST_LOOK_S)):
                raise MeasurementError("the reconciler is ending")
        after = self._look(before)
        found = _judged(asked, metric, before, after, least)
        self._keep(key, before if isinstance(found, Lacking) else after)
        return found

    def _keep(self, key: tuple[object, str], look: _Look) -> None:
        with self._lock:
            self._looks[key] = look
            self._looks.move_to_end(key)
            while len(self._looks) > MOST_KEPT:
                self._looks.popitem(last=False)

    def _look(self, before: _Look) -> _Look:
        """What a node that can't be asked had counted counts on: it goes on from there."""
        counters = self._read()
        if not counters:
            raise MeasurementError(
                "no node's proxy could be asked", remedy="spec.network.enabled must be true"
            )
        kept = {place: c for place, c in before.counts.items() if place.node not in counters}
        seen = {_Place(n, c.service, f"{c.namespace}/{c.pod}"): c for n, cs in counters.items() for c in cs}
        return _Look(self._clock(), kept | seen, before.nodes | counters.keys())


def _least(metric: HAProxyMetric) -> int:
    try:
        return int(metric.min_requests)
    except ValueError:
        raise MeasurementError("minRequests isn't a number") from None


def _judged(
    asked: Measure, metric: HAProxyMetric, before: _Look, after: _Look, least: int
) -> dict[str, object] | Lacking:
    services = (metric.service,) if metric.service else asked.services
    space = asked.run.namespace
    seconds = max(after.at - before.at, 0.001)
    canary = _counted(before, after, space, services, asked.canary)
    if canary[0] < least:
        of = f"Service {metric.service}" if metric.service else "the new version"
        return Lacking(because=f"{of} had {canary[0]} requests in {seconds:.0f} s; minRequests is {least}")
    stable = _counted(before, after, space, services, asked.stable)
    return {"canary": _rates(*canary, seconds), "stable": _rates(*stable, seconds)}


def _counted(
    before: _Look, after: _Look, space: str, services: Collection[str], pods: Collection[str]
) -> tuple[int, int, float]:
    """Requests, errors and seconds in between. What fell began anew, from 0; what a node had counted before
    it was first asked is nobody's.

    An Ingress's split of a Service is that Service's, too: its name has a colon and more behind it.
    """
    requests = errors = 0
    spent = 0.0
    for place, now in after.counts.items():
        where, _, name = now.service.partition("/")
        if where != space or now.namespace != space or now.pod not in pods or place.node not in before.nodes:
            continue
        if services and name.partition(":")[0] not in services:
            continue
        was = before.counts.get(place)
        if was is None or now.requests < was.requests:
            requests, errors, spent = requests + now.requests, errors + now.errors, spent + now.seconds
        else:
            requests += now.requests - was.requests
            errors += max(0, now.errors - was.errors)
            spent += max(0.0, now.seconds - was.seconds)
    return requests, errors, spent


def _rates(requests: int, errors: int, spent: float, seconds: float) -> dict[str, float | None]:
    return {
        "requests": requests,
        "errors": errors,
        "errorRate": errors / requests if requests else 0.0,
        "requestRate": requests / seconds,
        "latency": spent / requests * 1000.0 if requests else None,
    }
