"""The probes of one run of one container: which is tried when, and what they say together. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from reconciler.engine.probes.threshold import Kind, ProbeState, begin, judge
from reconciler.model.base import Value
from reconciler.model.container import Container
from reconciler.model.observed import ContainerState
from reconciler.model.probe import Probe


class Run(Value):
    """One run of a container, from its start to its end. `start` and the states' times are on one clock.

    `seen_at` (epoch seconds) is when it started as far as we know, `ready_at` when it last became ready.
    A run that wasn't `witnessed` was under way when we first looked: ready at our first try, it has been
    all the while.
    """

    container: Container
    id: str
    started_at: float | None
    start: float
    seen_at: float
    witnessed: bool = True
    states: dict[Kind, ProbeState] = {}
    ready_at: float | None = None

    @property
    def started(self) -> bool:
        startup = self.states.get("startup")
        return startup is None or startup.passing

    @property
    def ready(self) -> bool:
        return self.started and ("readiness" not in probes(self.container) or self._passing("readiness"))

    @property
    def known(self) -> bool:
        """Whether `ready` says anything. Of a run that we find under way it doesn't before its probe has
        passed, or failed for good: until then it may well be as ready as it was.
        """
        if self.witnessed or self.ready:
            return True
        waiting: Kind = "readiness" if self.started else "startup"
        probe, state = probes(self.container).get(waiting), self.states.get(waiting)
        return probe is not None and state is not None and state.failures >= probe.failure_threshold

    @property
    def live(self) -> bool:
        return not any(s.over for s in self.states.values())

    @property
    def message(self) -> str:
        said = (f"{kind}: {s.message}" for kind, s in self.states.items() if s.message and not s.passing)
        return next(said, "")

    def due(self) -> tuple[float, Kind] | None:
        """The probe to try next, and when; None: none. Startup holds the others back."""
        if not self.live:
            return None
        waiting = [(s.due, k) for k, s in self.states.items() if not (k == "startup" and s.passing)]
        return min(waiting, default=None)

    def _passing(self, kind: Kind) -> bool:
        state = self.states.get(kind)
        return state is not None and state.passing


def probes(container: Container) -> dict[Kind, Probe]:
    found: dict[Kind, Probe | None] = {
        "startup": container.startup_probe,
        "liveness": container.liveness_probe,
        "readiness": container.readiness_probe,
    }
    return {kind: probe for kind, probe in found.items() if probe is not None}


def new_run(
    container: Container, state: ContainerState, start: float, seen_at: float, *, witnessed: bool
) -> Run:
    run = Run(
        container=container,
        id=state.id,
        started_at=state.started_at,
        start=start,
        seen_at=seen_at,
        witnessed=witnessed,
    )
    run = replace(run, states=dict(_begun(run, start)))
    return replace(run, ready_at=seen_at if run.ready else None)


def tried(run: Run, kind: Kind, failure: str | None, now: float, clock: float) -> Run:
    """After a try of one probe: see `threshold.judge`. `clock` is `now` in seconds since the epoch."""
    state = judge(kind, probes(run.container)[kind], run.states[kind], failure, now)
    after = replace(run, states={**run.states, kind: state})
    if kind == "startup" and state.passing and not run.started:
        after = replace(after, states={**after.states, **dict(_begun(after, now))})
    if not after.ready:
        return replace(after, ready_at=None)
    if run.ready:
        return after
    return replace(after, ready_at=clock if run.witnessed else run.seen_at, witnessed=True)


def _begun(run: Run, now: float) -> Iterator[tuple[Kind, ProbeState]]:
    """The probes that may begin: startup alone where there is one, then the others."""
    found = probes(run.container)
    waiting_for_startup = "startup" in found and "startup" not in run.states
    for kind, probe in found.items():
        if kind in run.states or (kind != "startup" and waiting_for_startup):
            continue
        yield kind, begin(kind, probe, max(now, run.start + probe.initial_delay_seconds))
