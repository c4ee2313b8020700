"""A pod of the simulated fleet: what Docker and its program would have done by a given moment."""

from __future__ import annotations

import msgspec

from reconciler.model.base import Value
from reconciler.model.container import Container
from reconciler.model.labels import SANDBOX_NAME
from reconciler.model.observed import ContainerState, Phase, PodRecord, PodState, Role


class Behaviour(Value):
    """How simulated programs and machines behave. Times in seconds; images by their full name.

    `start_seconds` go into pulling and creating a pod, `stop_seconds` into its end (at most its grace),
    `ready_seconds` pass between a container's start and its readiness, `init_seconds` in an init container.
    `completes` maps images of programs that end with 0 to the seconds that they run.
    `builds` maps an image to the architectures that it has builds for; an image that isn't in it has all.
    """

    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    ready_seconds: float = 0.0
    init_seconds: float = 0.0
    missing: frozenset[str] = frozenset()
    never_ready: frozenset[str] = frozenset()
    never_live: frozenset[str] = frozenset()
    crashing: frozenset[str] = frozenset()
    completes: dict[str, float] = {}
    builds: dict[str, tuple[str, ...]] = {}


class SimulatedContainer:
    """One container. `ready_at`, `ends_at` and `sick_at` are moments to come, None for never."""

    __slots__ = ("ends_at", "image", "name", "ready_at", "restarts", "role", "seen", "sick_at")

    def __init__(self, name: str, role: Role, image: str, now: float) -> None:
        self.name, self.role, self.image = name, role, image
        self.restarts = 0
        self.ready_at: float | None = None
        self.ends_at: float | None = None
        self.sick_at: float | None = None
        self.seen = ContainerState(name=name, role=role, state="created", image=image, created_at=now)

    def start(self, now: float, how: Behaviour, *, delay: float = 0.0) -> None:
        """Run from `now + delay` on. A program that is running goes on running."""
        if self.seen.state in ("running", "restarting", "paused"):
            return
        began = now + delay
        if self.image in how.crashing:
            self._set(state="restarting", exit_code=1, started_at=began, finished_at=began, restarts=5)
            if self.role == "init":
                self._set(state="exited")
            return
        self._set(state="running", started_at=began, finished_at=None, exit_code=None)
        self.ready_at = None if self.image in how.never_ready else began + how.ready_seconds
        self.sick_at = began + how.ready_seconds + 30.0 if self.image in how.never_live else None
        self.ends_at = began + how.init_seconds if self.role == "init" else self._end(began, how)
        if self.role == "sandbox":
            self.ready_at = began

    def _end(self, began: float, how: Behaviour) -> float | None:
        return began + how.completes[self.image] if self.image in how.completes else None

    def end(self, at: float, code: int) -> None:
        self.ready_at = self.ends_at = self.sick_at = None
        self._set(state="exited", finished_at=at, exit_code=code)

    def vanish(self) -> None:
        self.ready_at = self.ends_at = self.sick_at = None
        self.seen = ContainerState(name=self.name, role=self.role, state="absent", image=self.image)

    def at(self, now: float) -> ContainerState:
        """As Docker would list it, with the prober's verdicts."""
        if self.ends_at is not None and self.ends_at <= now:
            self.end(self.ends_at, 0)
        running = self.seen.state == "running"
        ready = running and self.ready_at is not None and self.ready_at <= now
        live = not (running and self.sick_at is not None and self.sick_at <= now)
        if (self.seen.started, self.seen.ready, self.seen.live) != (ready, ready, live):
            self._set(started=ready, ready=ready, live=live, probe_message="" if live else "it hangs")
        return self.seen

    def next_change(self) -> tuple[float | None, ...]:
        return self.ready_at, self.ends_at, self.sick_at

    def _set(self, **fields: object) -> None:
        self.seen = msgspec.structs.replace(self.seen, **fields)


class SimulatedPod:
    """One pod. `busy_until`: it is being made; `gone_at`: it is ending; `recorded`: see `PodState`."""

    __slots__ = (
        "_last",
        "busy_until",
        "containers",
        "created_at",
        "gone_at",
        "ready_since",
        "record",
        "recorded",
    )

    def __init__(self, record: PodRecord, now: float) -> None:
        self.record, self.created_at = record, now
        self.busy_until = now
        self.gone_at: float | None = None
        self.recorded: tuple[str, ...] = ()
        self.ready_since: float | None = None
        self.containers = [SimulatedContainer(n, r, i, now) for n, r, i in _layout(record)]
        self._last: PodState | None = None

    def complete(self, now: float, how: Behaviour) -> None:
        """Create what is missing and start what comes first."""
        for index, container in enumerate(self.containers):
            if container.seen.state == "absent":
                self.containers[index] = SimulatedContainer(
                    container.name, container.role, container.image, now
                )
        delay = max(0.0, self.busy_until - now)
        for container in self.containers:
            if container.role == "sandbox":
                container.start(now, how, delay=delay)
        for container in self._first():
            container.start(now, how, delay=delay)

    def _first(self) -> list[SimulatedContainer]:
        begun = any(c.role == "main" and c.seen.state != "created" for c in self.containers)
        early = [c for c in self.containers if c.role in ("init", "sidecar")]
        if early and not begun:
            return early[:1] if early[0].seen.state == "created" else []
        return [c for c in self.containers if c.role in ("main", "sidecar") and c.seen.state == "created"]

    def find(self, name: str) -> SimulatedContainer | None:
        return next((c for c in self.containers if c.name == name), None)

    def at(self, now: float) -> PodState:
        """As the node would report it; the same object while nothing changes."""
        states = tuple(c.at(now) for c in self.containers)
        busy = now < self.busy_until
        ready = not busy and all(c.ready for c in states if c.role in ("main", "sidecar"))
        if ready and self.ready_since is None:
            self.ready_since = max(
                (c.ready_at for c in self.containers if c.ready_at is not None), default=now
            )
        if not ready:
            self.ready_since = None
        making: tuple[Phase, str] = ("Pending", "ContainerCreating")
        phase, reason = making if busy else _phase(self.record, states)
        found = PodState(
            record=self.record,
            containers=() if busy else states,
            phase=phase,
            reason=reason,
            created_at=self.created_at,
            ready=ready,
            ready_since=self.ready_since,
            busy=busy or self.gone_at is not None,
            terminating=self.gone_at is not None,
            recorded=self.recorded,
        )
        if found != self._last:
            self._last = found
        return self._last or found

    def next_change(self, now: float) -> float | None:
        moments = [self.busy_until, self.gone_at, *(m for c in self.containers for m in c.next_change())]
        return min((m for m in moments if m is not None and m > now), default=None)


def _layout(record: PodRecord) -> list[tuple[str, Role, str]]:
    spec = record.spec
    sandbox: list[tuple[str, Role, str]] = [(SANDBOX_NAME, "sandbox", "")] if spec.needs_sandbox else []
    early = [(c.name, _early_role(c), c.image) for c in spec.init_containers]
    main: list[tuple[str, Role, str]] = [(c.name, "main", c.image) for c in spec.containers]
    return [*sandbox, *early, *main]


def _early_role(container: Container) -> Role:
    return "sidecar" if container.restart_policy == "Always" else "init"


def _phase(record: PodRecord, states: tuple[ContainerState, ...]) -> tuple[Phase, str]:
    main = [c for c in states if c.role == "main"]
    policy = record.spec.restart_policy
    if all(c.state in ("created", "absent") for c in main):
        failed = [c for c in states if c.role == "init" and c.state == "exited" and c.exit_code]
        if failed and policy == "Never":
            return "Failed", "Error"
        return "Pending", "Init:Error" if failed else "PodInitializing"
    if any(c.state == "restarting" for c in main):
        return "Running", "CrashLoopBackOff"
    if policy != "Always" and all(c.state == "exited" for c in main):
        failed_main = any(c.exit_code for c in main)
        if not failed_main:
            return "Succeeded", "Completed"
        if policy == "Never":
            return "Failed", "Error"
    return "Running", ""
