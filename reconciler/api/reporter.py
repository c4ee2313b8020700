"""Tells everybody who asks what the loop does: the journal, metrics, followers of a push, the log.

Listens to turns; decides nothing and holds nothing but the newest turn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from reconciler.api.follow import Followers
from reconciler.api.metrics import Metrics
from reconciler.errors import UsageError
from reconciler.loop.guard import Guard
from reconciler.loop.narrate import Narrator, describe
from reconciler.loop.turn import Turn
from reconciler.model.delivery import Order
from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState
from reconciler.model.plan import Plan
from reconciler.model.progress import Progress
from reconciler.model.traffic import NodeTraffic
from reconciler.record.deliveries import DeliveryStatus, delivered, deliveries
from reconciler.record.journal import Journal
from reconciler.record.overview import Overview, overview
from reconciler.record.published import data_planes, newest
from reconciler.record.status import Portrait
from reconciler.record.world import World
from reconciler.supervision import running, stuck

LOG = logging.getLogger("reconciler.loop")
SILENCE_S = 300.0
"""A loop that hasn't made a pass for so long is stuck, unless its full passes are farther apart."""

MOST_STUCK = 5
"""Threads that are named in one answer."""

PATIENCE_S = 5.0
"""A fleet that is blocked for so long stays so until somebody acts."""


class Reporter:
    """One fleet's. Implements `api.daemon.Daemon`; `take` is the loop's listener."""

    def __init__(
        self,
        fleet: str,
        journal: Journal,
        wake: Callable[[], None],
        silence: float = SILENCE_S,
        order: Callable[[Order], Future[str]] = lambda _: _nobody(),
    ) -> None:
        """`silence` seconds without a pass make the daemon unhealthy. `order` is the loop's."""
        self.followers, self.metrics = Followers(), Metrics(fleet)
        self._fleet, self._journal, self._wake, self._silence = fleet, journal, wake, silence
        self._order = order
        self._narrator, self._guard = Narrator(), Guard()
        self._turn: Turn | None = None
        self._taken_at = running()
        self._standing: tuple[str, str] = ("", "")
        self._source_error = ""
        self._blocked_since: float | None = None
        self._failed: frozenset[tuple[Key, str]] = frozenset()
        self._traffic: NodeTraffic | None = None
        self._drawing = threading.Lock()
        self._portrait, self._world = Portrait(), World()

    def take(self, turn: Turn) -> None:
        """Called after every pass, from the loop's thread."""
        self._turn, self._taken_at = turn, running()
        lines, events = self._told(turn)
        for event in events:
            self._journal.event(event)
        for line in lines:
            LOG.info(line)
        self._follow(turn, lines)
        self._measure(turn)

    def _told(self, turn: Turn) -> tuple[list[str], list[Event]]:
        """A bug in the words for people costs words, and nobody else what they are told."""
        nothing: tuple[list[str], list[Event]] = ([], [])
        return self._guard("the words of a pass", partial(self._narrator.tell, turn), nothing)

    def _follow(self, turn: Turn, lines: list[str]) -> None:
        if turn.refusal is not None:
            self.followers.begin(turn.refusal.revision.id)
            self.followers.finish(turn.refusal.revision.id, False, "refused: it has errors")
        if turn.desired is None or turn.plan is None or turn.refusal is not None:
            return
        revision = turn.desired.revision
        self.followers.begin(revision.id)
        self._journal.revision_seen(revision, turn.at)
        for line in lines:
            self.followers.publish(revision.id, line)
        if self._is_over(turn, turn.plan):
            self._end(turn, turn.plan, revision.id)
        else:
            self._standing = ("", "")

    def _is_over(self, turn: Turn, plan: Plan) -> bool:
        """Nothing more is to come by itself. Blocked for a moment isn't: what is ending may make room."""
        if plan.goes_on or plan.standing != "blocked":
            self._blocked_since = None
            return turn.idle and not plan.goes_on
        if self._blocked_since is None:
            self._blocked_since = turn.now
        return turn.idle and turn.now - self._blocked_since >= PATIENCE_S

    def _end(self, turn: Turn, plan: Plan, revision: str) -> None:
        """A revision has converged or can't, for now: told once, and again when that changes."""
        message = "" if plan.standing == "converged" else why(plan)
        self.followers.finish(revision, plan.standing == "converged", message)
        if self._standing != (revision, plan.standing):
            self._journal.revision_ended(revision, plan.standing, message, turn.at)
            self._standing = (revision, plan.standing)

    def _measure(self, turn: Turn) -> None:
        plan, metrics = turn.plan, self.metrics
        metrics.passed(turn.seconds, len(plan.steps) if plan else 0)
        for outcome in turn.ended:
            metrics.acted(outcome.action.verb, outcome.seconds, ok=outcome.error is outcome.bug is None)
        nodes = turn.observed.nodes.values()
        metrics.nodes(Counter({True: "ready", False: "lost", None: "unknown"}[n.reachable] for n in nodes))
        metrics.pods(Counter(p.phase for p in turn.observed.pods()))
        networked = turn.desired is None or turn.desired.fleet.spec.network.enabled
        metrics.data_planes(data_planes(nodes) if networked else {})
        self._count_network(newest(nodes))
        if turn.source_error is not None and str(turn.source_error) != self._source_error:
            metrics.source_error()
        self._source_error = str(turn.source_error or "")
        if plan is not None:
            metrics.workloads(Counter(v.standing for v in plan.verdicts.values()))
            metrics.converged(plan.standing == "converged")
            metrics.revision(plan.revision)
            self._count_failed(plan)

    def _count_network(self, traffic: NodeTraffic | None) -> None:
        """Counted anew only when something else was published."""
        if traffic is not self._traffic:
            self._traffic = traffic
            services = traffic.services if traffic else ()
            ends = Counter[str](e.state for s in services for p in s.ports for e in p.endpoints)
            self.metrics.network(len(services), ends)

    def _count_failed(self, plan: Plan) -> None:
        """Each version of a workload that is given up counts once."""
        rollouts = plan.progress.rollouts.items()
        failed = frozenset((key, r.template_hash) for key, r in rollouts if r.phase == "failed")
        for _ in failed - self._failed:
            self.metrics.rollout_failed()
        self._failed = failed

    def overview(self) -> Overview:
        turn = self._turn
        if turn is None:
            from reconciler.model.observed import Observed

            return overview(self._fleet, Observed(), time.time(), trouble=self._journal.trouble)
        return overview(
            self._fleet,
            turn.observed,
            turn.at,
            desired=turn.desired,
            plan=turn.plan,
            converged=turn.plan.progress.converged if turn.plan else "",
            refused=turn.refusal.revision if turn.refusal else None,
            refused_because=str(turn.refusal.error) if turn.refusal else "",
            source_error=str(turn.source_error or ""),
            failing=turn.failing,
            events=self._journal.events(limit=20),
            trouble=self._journal.trouble,
            ahead=turn.ahead,
        )

    def observed(self) -> tuple[NodeState, ...]:
        return tuple(self._turn.observed.nodes.values()) if self._turn else ()

    def rollouts(self, about: Key | None = None) -> tuple[DeliveryStatus, ...] | None:
        turn = self._turn
        if turn is None or turn.plan is None or turn.desired is None:
            return None
        plan = turn.plan
        keys = delivered(turn.desired) if about is None else (about,)
        return deliveries(turn.desired, turn.observed, plan.progress, plan, turn.at - turn.ahead, keys)

    def order(self, order: Order) -> Future[str]:
        return self._order(order)

    def objects(self) -> dict[str, Any]:
        """Drawn when somebody asks: what hasn't changed since isn't drawn again."""
        with self._drawing:
            turn = self._turn
            if turn is not None:
                progress = turn.plan.progress if turn.plan else Progress()
                self._world.update(
                    self._portrait.of(turn.desired, turn.observed, progress, turn.plan, turn.at)
                )
            return self._world.everything()

    def healthy(self) -> tuple[bool, str]:
        if self._turn is None:
            return False, "starting"
        silent = running() - self._taken_at
        if silent > self._silence:
            return False, f"the loop has made no pass for {silent:.0f} s"
        if late := stuck():
            return False, "; ".join(late[:MOST_STUCK])
        words = (f"last pass {silent:.0f} s ago", self._journal.trouble)
        return True, "; ".join(filter(None, words))

    def wake(self) -> None:
        self._wake()


def _nobody() -> Future[str]:
    refused: Future[str] = Future()
    refused.set_exception(UsageError("nobody takes orders here"))
    return refused


def why(plan: Plan) -> str:
    """The workloads that haven't converged, in one line."""
    bad = [f"{k}: {describe(v)}" for k, v in plan.verdicts.items() if v.standing != "converged"]
    return "; ".join([*bad, *plan.notes])
