"""What Prometheus reads. Takes numbers and names them; counts nothing by itself, decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.supervision import lives

if TYPE_CHECKING:
    from prometheus_client import Gauge, Metric

DURATIONS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One fleet's metrics in a registry of their own. Thread-safe."""

    def __init__(self, fleet: str) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        own = self.registry
        self._passes = Counter("reconciler_passes", "Passes of the loop.", registry=own)
        self._pass = Histogram(
            "reconciler_pass_seconds", "How long a pass took.", buckets=DURATIONS_S, registry=own
        )
        self._steps = Gauge("reconciler_plan_steps", "Actions in the newest plan.", registry=own)
        self._actions = Counter("reconciler_actions", "Actions done.", ["verb", "result"], registry=own)
        self._action = Histogram(
            "reconciler_action_seconds",
            "How long an action took.",
            ["verb"],
            buckets=DURATIONS_S,
            registry=own,
        )
        self._nodes = Gauge("reconciler_nodes", "Nodes of the inventory.", ["state"], registry=own)
        self._pods = Gauge("reconciler_pods", "Pods by phase.", ["phase"], registry=own)
        self._workloads = Gauge(
            "reconciler_workloads", "Workloads by how they stand.", ["standing"], registry=own
        )
        self._services = Gauge("reconciler_services", "Services that the nodes balance.", registry=own)
        self._endpoints = Gauge(
            "reconciler_endpoints", "Endpoints behind the ports of services.", ["state"], registry=own
        )
        self._data_planes = Gauge(
            "reconciler_data_planes", "Node containers by how they stand.", ["state"], registry=own
        )
        self._converged = Gauge(
            "reconciler_converged", "1 when the fleet is as the revision wants it.", registry=own
        )
        self._revision = Gauge(
            "reconciler_revision_info", "The revision that is wanted.", ["revision"], registry=own
        )
        self._failed = Counter("reconciler_rollouts_failed", "Rollouts that were given up.", registry=own)
        self._source = Counter(
            "reconciler_source_errors", "Times that the source couldn't be read.", registry=own
        )
        own.register(_Threads())
        Gauge("reconciler_fleet_info", "The fleet.", ["fleet"], registry=own).labels(fleet).set(1)

    def passed(self, seconds: float, steps: int) -> None:
        """One pass of the loop, and how many actions its plan has."""
        self._passes.inc()
        self._pass.observe(seconds)
        self._steps.set(steps)

    def acted(self, verb: str, seconds: float, *, ok: bool) -> None:
        self._actions.labels(verb, "ok" if ok else "error").inc()
        self._action.labels(verb).observe(seconds)

    def nodes(self, by_state: Mapping[str, int]) -> None:
        """Every state each time: one that is missing is taken away."""
        _set_all(self._nodes, by_state)

    def pods(self, by_phase: Mapping[str, int]) -> None:
        _set_all(self._pods, by_phase)

    def workloads(self, by_standing: Mapping[str, int]) -> None:
        _set_all(self._workloads, by_standing)

    def network(self, services: int, endpoints: Mapping[str, int]) -> None:
        """What the nodes were told; endpoints by state."""
        self._services.set(services)
        _set_all(self._endpoints, endpoints)

    def data_planes(self, by_state: Mapping[str, int]) -> None:
        _set_all(self._data_planes, by_state)

    def converged(self, yes: bool) -> None:
        self._converged.set(1 if yes else 0)

    def revision(self, revision_id: str) -> None:
        _set_all(self._revision, {revision_id: 1})

    def rollout_failed(self) -> None:
        self._failed.inc()

    def source_error(self) -> None:
        self._source.inc()

    def text(self) -> bytes:
        """Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)


class _Threads:
    """What is known of our threads when it is asked for."""

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        silent = GaugeMetricFamily(
            "reconciler_thread_silent_seconds",
            "Since the last sign of life; 0 for one that waits for work.",
            labels=["thread"],
        )
        failures = CounterMetricFamily(
            "reconciler_thread_failures", "Times that one ended and was begun again.", labels=["thread"]
        )
        for one in lives():
            silent.add_metric([one.name], one.silent)
            failures.add_metric([one.name], one.failures)
        yield silent
        yield failures


def _set_all(gauge: Gauge, values: Mapping[str, int]) -> None:
    """Set each label value, remove those of before that are no longer given."""
    for sample in next(iter(gauge.collect())).samples:
        (before,) = sample.labels.values()
        if before not in values:
            gauge.remove(before)
    for name, value in values.items():
        gauge.labels(name).set(value)
