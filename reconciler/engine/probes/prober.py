"""Probes the containers of one node: keeps the pace, a few tries at a time, and adds the verdicts to pods.

What a try is stands in `probe`, what tries add up to in `threshold` and `probing`.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from math import inf

from msgspec.structs import replace

from reconciler.engine.connection.client import Engine
from reconciler.engine.observing.phase import pod_status
from reconciler.engine.probes import probe
from reconciler.engine.probes.probing import Run, new_run, probes, tried
from reconciler.engine.probes.threshold import Kind
from reconciler.errors import ReconcilerError
from reconciler.model.container import Container
from reconciler.model.observed import ContainerState, PodRecord, PodState
from reconciler.supervision import Supervised, reason, sign_of_life

_NODE_SECONDS = 5.0
"""For the node to say that it is there, when a container said nothing."""
MOST_TROUBLES = 32
_log = logging.getLogger(__name__)
WORKERS = 8
"""Tries at a time on one node; a slow answer holds up one of them."""


class Prober:
    """Thread-safe. Threads are made when there is something to probe, and then as many as are needed.

    `changed` is called, from a thread of its own, when a verdict has changed.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        clock: Callable[[], float],
        changed: Callable[[], None],
        name: str = "",
        said: Callable[[str], None] = lambda _: None,
        lost: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`name` is the node's; `said` is told, once each, of probes whose try fails for a reason of ours;
        `lost` says for how many seconds in all we didn't run.
        """
        self._said, self._troubles = said, set[str]()
        self._lost = lost
        self._name, self._engine, self._clock, self._changed = name, engine, clock, changed
        self._ready = threading.Condition()
        self._runs: dict[str, Run] = {}
        self._records: dict[str, PodRecord] = {}
        self._queue: list[tuple[float, int, str, Kind]] = []
        self._order = count()
        self._threads = self._idle = 0
        self._leader: threading.Thread | None = None
        """The one thread that waits for the next try's time; the other idle ones wait to be called."""
        self._closed = False
        self._began = False

    def update(self, pods: Iterable[PodState]) -> None:
        """These are the pods now: begin with new runs of containers, forget those that are over."""
        seen = {c.id: (p.record, s, c) for p in pods for s, c in _running(p)}
        with self._ready:
            for gone in self._runs.keys() - seen.keys():
                del self._runs[gone], self._records[gone]
            for container_id, (record, spec, state) in seen.items():
                self._records[container_id] = record
                run = self._runs.get(container_id)
                if run is None or run.started_at != state.started_at:
                    self._runs[container_id] = self._begin(spec, state)
                    self._schedule(container_id)
            self._began = True

    def apply(self, pods: tuple[PodState, ...]) -> tuple[PodState, ...]:
        """The pods with the verdicts so far; the same object where nothing is different."""
        with self._ready:
            runs = dict(self._runs)
        judged = tuple(_judged(p, runs) for p in pods)
        return pods if all(a is b for a, b in zip(judged, pods, strict=True)) else judged

    def close(self) -> None:
        """Tries that are under way end by themselves."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _begin(self, spec: Container, state: ContainerState) -> Run:
        """A start that we didn't witness was as long ago as the node says; one that we did is now.

        The node's clock may be wrong, so it is asked only where nobody else knows.
        """
        now, clock = time.monotonic(), self._clock()
        if self._began or state.started_at is None:
            return new_run(spec, state, now, clock, witnessed=True)
        age = max(0.0, clock - state.started_at)
        return new_run(spec, state, now - age, clock - age, witnessed=False)

    def _schedule(self, container_id: str) -> None:
        """You hold the lock."""
        if (due := self._runs[container_id].due()) is None:
            return
        job = (due[0], next(self._order), container_id, due[1])
        heapq.heappush(self._queue, job)
        if self._queue[0] is job:
            self._leader = None  # who waits, waits too long
            self._ready.notify()
        if not self._threads:
            self._hire()

    def _hire(self) -> None:
        """You hold the lock."""
        Supervised(f"probes-{self._name}", self._work, changed=self._changed).start()
        self._threads += 1

    def _work(self) -> None:
        while (job := self._next()) is not None:
            container_id, kind, run, record = job
            failure = self._try(run, kind, record)
            if self._took(container_id, kind, run, failure):
                self._changed()

    def _next(self) -> tuple[str, Kind, Run, PodRecord] | None:
        """The next try, when it is time for it. None: it is over."""
        with self._ready:
            while not self._closed:
                if not self._queue or self._queue[0][0] > time.monotonic():
                    self._wait()
                    continue
                _, _, container_id, kind = heapq.heappop(self._queue)
                self._hand_over()
                run = self._runs.get(container_id)
                if run is not None and run.due() is not None:
                    return container_id, kind, run, self._records[container_id]
        return None

    def _wait(self) -> None:
        """For the next try's time, or to be called. You hold the lock."""
        me = threading.current_thread()
        lead = bool(self._queue) and self._leader is None
        if lead:
            self._leader = me
        self._idle += 1
        sign_of_life(inf)
        self._ready.wait(max(0.0, self._queue[0][0] - time.monotonic()) if lead else None)
        sign_of_life()
        self._idle -= 1
        if self._leader is me:
            self._leader = None

    def _hand_over(self) -> None:
        """Somebody else waits for the next one while this try is made. You hold the lock."""
        if self._queue and self._idle:
            self._ready.notify()
        elif self._queue and self._threads < WORKERS:
            self._hire()

    def _try(self, run: Run, kind: Kind, record: PodRecord) -> str | None:
        """Why it failed, "" for success, None when nobody can tell: it may be we who were silent."""
        lost = self._lost()
        failure = self._answer(run, kind, record)
        return None if failure and self._lost() > lost else failure

    def _answer(self, run: Run, kind: Kind, record: PodRecord) -> str | None:
        try:
            engine = self._engine()
            target = probe.Target(engine, run.id, run.container, record)
            try:
                return probe.failure(target, probes(run.container)[kind])
            except TimeoutError as silence:
                engine.ping(_NODE_SECONDS)  # else a cut link would look like programs that hang
                return str(silence)
        except ReconcilerError:
            return None
        except Exception as error:  # of this probe: the others go on
            self._say(
                f"the {kind} probe of {record.key}, container {run.container.name}: {reason(error)}", error
            )
            return None

    def _say(self, trouble: str, error: Exception) -> None:
        """On the node; in the log once."""
        with self._ready:
            new = trouble not in self._troubles and len(self._troubles) < MOST_TROUBLES
            if new:
                self._troubles.add(trouble)
        if new:
            _log.error("%s", trouble, exc_info=error)
            self._said(trouble)

    def _took(self, container_id: str, kind: Kind, run: Run, failure: str | None) -> bool:
        """Whether what people see has changed. The run may have ended meanwhile."""
        with self._ready:
            current = self._runs.get(container_id)
            if current is None or current.started_at != run.started_at:
                return False
            after = tried(current, kind, failure, time.monotonic(), self._clock())
            self._runs[container_id] = after
            self._schedule(container_id)
            return _shown(after) != _shown(current)


def _shown(run: Run) -> tuple[bool, bool, bool, bool, str]:
    return run.started, run.ready, run.live, run.known, run.message


def _running(pod: PodState) -> Iterable[tuple[Container, ContainerState]]:
    specs = {c.name: c for c in pod.record.spec.every_container()}
    for state in pod.containers:
        if state.state == "running" and state.role in ("main", "sidecar") and state.name in specs:
            yield specs[state.name], state


def _judged(pod: PodState, runs: dict[str, Run]) -> PodState:
    containers = tuple(_with_verdict(c, runs.get(c.id)) for c in pod.containers)
    counted = [c for c in containers if c.role in ("main", "sidecar")]
    ready = bool(counted) and all(c.ready for c in counted)
    since = (
        max((runs[c.id].ready_at or 0.0 for c in counted if c.id in runs), default=None) if ready else None
    )
    status = pod_status(pod.record.spec, containers)
    judged = replace(
        pod,
        containers=containers,
        ready=ready,
        ready_since=since,
        phase=status.phase,
        reason=status.reason,
        message=status.message,
    )
    return pod if judged == pod else judged


def _with_verdict(state: ContainerState, run: Run | None) -> ContainerState:
    if run is None or state.state != "running" or run.started_at != state.started_at:
        return state
    return replace(
        state, started=run.started, ready=run.ready, live=run.live, known=run.known, probe_message=run.message
    )
