"""The loop. Level-triggered: each pass looks at what is and moves one safe step closer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from math import inf

import msgspec

from reconciler.apply.inflight import overlay
from reconciler.apply.walk import Outcome, Walker
from reconciler.decide import decide
from reconciler.decide.analysis import after_measurement
from reconciler.decide.attempts import after_failure, after_success
from reconciler.decide.delivery.orders import ordered
from reconciler.decide.network.challenges import in_force
from reconciler.decide.origin import contents_for
from reconciler.decide.reverting import due
from reconciler.engine.node import Node
from reconciler.loop.companions import Analyst, Certificates, ProgressKeeper, Reverts
from reconciler.loop.fleet import FleetView
from reconciler.loop.guard import Guard
from reconciler.loop.orders import Fold, Orders, nothing_known
from reconciler.loop.steady import BEAT_S, SteadyClock
from reconciler.loop.turn import Ordered, Turn
from reconciler.loop.wanted import Wanted
from reconciler.model.action import StartPod
from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan, Settled
from reconciler.model.progress import Progress
from reconciler.model.reversal import Reverted
from reconciler.printable import one_line
from reconciler.supervision import complaints

DARK_S = 15.0
"""How long the first decision waits for every node to say what it holds, or that it can't be reached:
longer than a connection attempt, so that a node isn't judged before it is known to be silent."""

BLOCKED_S = 5.0
"""The longest between two looks at a fleet that is blocked: what is ending elsewhere may make room."""


class Loop:
    """One fleet's loop. `listeners` get every turn, in order, from the loop's thread.

    `full_pass` is the most seconds between two passes.
    """

    def __init__(
        self,
        wanted: Wanted,
        nodes: Mapping[str, Node],
        keeper: ProgressKeeper,
        listeners: Sequence[Callable[[Turn], None]],
        *,
        clock: SteadyClock | None = None,
        full_pass: float = 60.0,
        fold: Fold = ordered,
    ) -> None:
        self._wanted, self._view, self._keeper = wanted, FleetView(nodes), keeper
        self._certificates: Certificates | None = None
        self._analyst: Analyst | None = None
        self._reverts: Reverts | None = None
        self._listeners, self._full_pass = list(listeners), full_pass
        self._clock = clock or SteadyClock()
        self._awake = threading.Event()
        self._ended: deque[Outcome] = deque()
        self._walker = Walker(nodes, self._ended.append, self.wake, self._clock.now)
        self._orders = Orders(fold)
        self._settled: Settled | None = None
        self._guard = Guard()
        self._last: Desired | None = None
        self._stopped = self._lit = False
        self._began = time.monotonic()
        self.progress = self._saved = keeper.load()

    def now(self) -> float:
        """The loop's own time: see `loop.steady`."""
        return self._clock.now()

    def wake(self) -> None:
        """Make the next pass happen now. From any thread."""
        self._awake.set()

    def stop(self) -> None:
        """End after the pass that is under way, which waits for nothing more. From any thread, but not from a
        signal handler: it could have interrupted somebody who holds the same lock.
        """
        self._stopped = True
        self._wanted.stop()
        self._awake.set()

    def listen(self, listener: Callable[[Turn], None]) -> None:
        """Tell this one, too, of every turn."""
        self._listeners.append(listener)

    def certify(self, certificates: Certificates) -> None:
        """Let what is desired have these certificates, too. Before the first pass."""
        self._certificates = certificates

    def revert(self, reverts: Reverts) -> None:
        """Let versions that fail be taken back in Git. Before the first pass."""
        self._reverts = reverts

    def order(self, order: Order) -> Future[str]:
        """Let the next pass carry it out. From any thread; answered when that pass is over."""
        future = self._orders.put(order)
        self.wake()
        return future

    def judge(self, analyst: Analyst) -> None:
        """Let this one make the measurements that analyses ask for. Before the first pass."""
        self._analyst = analyst

    def watch_nodes(self) -> None:
        """Connect to every node and follow what happens there."""
        self._view.start(self.wake)

    def watch_source(self) -> None:
        """Follow the source: without it, the revision that was fetched stays."""
        self._wanted.start(self.wake)

    def run(
        self, until: Callable[[Turn], bool] = lambda _: False, nap: Callable[[], float] = lambda: inf
    ) -> Turn:
        """Pass after pass, until `until` says so or `stop` is called; returns the last turn.

        `nap` bounds the seconds between two passes, for an `until` that looks at the clock.
        """
        while True:
            self._awake.clear()
            self._look_first()
            turn = self.turn()
            if self._stopped or until(turn):
                return turn
            self._rest(min(self._nap(turn.plan), nap()))

    def _look_first(self) -> None:
        """After a time in which it didn't run nothing is judged by what was seen before: every node is asked
        anew, and waited for as long as at the start.
        """
        self._clock.beat()
        if not self._clock.stalled():
            return
        self._view.look_again()
        end = time.monotonic() + DARK_S
        while self._view.looking and not self._stopped and time.monotonic() < end:
            time.sleep(0.02)
            self._clock.beat()

    def _rest(self, seconds: float) -> None:
        """Until something happens, or for so long. Says all the while that it runs."""
        end = time.monotonic() + seconds
        while not self._awake.wait(max(0.0, min(BEAT_S, end - time.monotonic()))):
            before = self._clock.lost()
            self._clock.beat()
            if time.monotonic() >= end or self._clock.lost() > before:
                return

    def turn(self) -> Turn:
        """One pass: observe, load, decide, record, apply."""
        began = time.monotonic()
        self._clock.beat()
        now, wall = self._clock.now(), self._clock.wall()
        under_way = self._walker.under_way()  # before the outcomes: see Walker
        before, ended = self._saved, self._learn(now)
        observed = overlay(self._view.observe(), under_way)
        dark = self._still_dark(observed)
        as_before: tuple[Desired | None, tuple[Ordered, ...]] = (None if dark else self._last, ())
        desired, orders = self._guard("what is wanted", lambda: self._heard(observed, dark), as_before)
        self._last = desired
        turn = Turn(
            at=wall,
            now=now,
            seconds=0.0,
            observed=observed,
            ended=ended,
            refusal=self._wanted.refusal,
            source_error=self._wanted.error,
            before=before,
            orders=orders,
        )
        if desired is not None:
            turn = self._act(turn, desired, now)
        turn = msgspec.structs.replace(turn, seconds=time.monotonic() - began)
        self._clock.beat()
        if turn.waits_for_no_time(self._clock.ahead()):
            self._clock.fall_in()
        for listener in self._listeners:
            self._guard("what tells of a pass", partial(listener, turn), None)
        self._orders.answer()
        return turn

    def _heard(self, observed: Observed, dark: bool) -> tuple[Desired | None, tuple[Ordered, ...]]:
        """What the source and people want. An order to go back wants an older version, too."""
        desired = self._wanted.update(self.progress, observed)
        orders = () if dark else self._obey(desired)
        if orders:
            desired = self._wanted.update(self.progress, observed)
        if desired is not None and self._certificates is not None:
            desired = self._guard("certificates", partial(self._certificates.complete, desired), desired)
        return None if dark else desired, orders

    def _obey(self, desired: Desired | None) -> tuple[Ordered, ...]:
        """Kept at once: an order that was taken up isn't lost."""
        if desired is None:
            self._orders.refuse(nothing_known())
            return ()
        progress, orders = self._orders.take(self.progress, desired)
        if orders:
            self._keep(progress)
        return orders

    def _still_dark(self, observed: Observed) -> bool:
        """In the first seconds, some node hasn't said yet what it holds: a decision now would guess."""
        if self._lit or time.monotonic() - self._began > DARK_S:
            self._lit = True
        else:
            self._lit = all(node.reachable is not None for node in observed.nodes.values())
        return not self._lit

    def _act(self, turn: Turn, desired: Desired, now: float) -> Turn:
        nothing = Plan(revision=desired.revision.id, standing="failed", progress=self.progress)
        past, ahead = (self.progress, now, self._settled), self._clock.ahead()
        decided = partial(decide, desired, turn.observed, *past, ahead=ahead)
        plan = self._guard("the whole plan", decided, nothing)
        self._settled = plan.settled
        self._guard.log(plan.bugs)
        plan = self._guard("certificates", partial(self._certified, plan, desired, turn.observed), plan)
        plan = _with_notes(plan, (*complaints(), *self._guard.said()))
        self._keep(_with_revisions(plan, desired))
        none: tuple[Plan, tuple[Reverted, ...]] = (plan, ())
        plan, reverted = self._guard("reverts", partial(self._taken_back, plan, desired), none)
        begun = self._walker.submit(plan.steps, partial(contents_for, desired, plan.progress.runs))
        if self._analyst is not None:
            asked = partial(self._analyst.submit, plan.measures, desired.contents)
            self._guard("measurements", asked, None)
        idle = not self._walker.under_way()
        failing = tuple(map(str, self._walker.failing(plan.steps)))
        return msgspec.structs.replace(
            turn,
            desired=desired,
            plan=plan,
            begun=tuple(begun),
            reverted=reverted,
            idle=idle,
            failing=failing,
        )

    def _certified(self, plan: Plan, desired: Desired, observed: Observed) -> Plan:
        """With what is to be said of certificates; they are told when the challenges can be looked at."""
        if self._certificates is None:
            return plan
        if desired.challenges and in_force(desired, observed):
            self._certificates.published(desired.challenges)
        return _with_notes(plan, self._certificates.complaints())

    def _taken_back(self, plan: Plan, desired: Desired) -> tuple[Plan, tuple[Reverted, ...]]:
        """With what is to be said of versions that couldn't be taken back; and what came of attempts. In this
        order: what is complained of has been told.
        """
        if self._reverts is None:
            return plan, ()
        self._reverts.pursue(due(desired, self.progress), desired.revision.id)
        plan = _with_notes(plan, self._reverts.complaints())
        return plan, self._reverts.ended()

    def _learn(self, now: float) -> tuple[Outcome, ...]:
        """Take in how actions ended: a pod that couldn't be started is tried again later, not at once. And
        what was measured.
        """
        ended = []
        while self._ended:
            ended.append(self._ended.popleft())
        for outcome in ended:
            self.progress = _learned(self.progress, outcome, now)
        for measured in self._analyst.ended() if self._analyst is not None else ():
            judged = partial(after_measurement, self.progress, measured)
            self.progress = self._guard(str(measured.run), judged, self.progress)
        return tuple(ended)

    def _keep(self, progress: Progress) -> None:
        """Before the first step is taken: what is done next must never be unknown to a successor."""
        if progress != self._saved:
            self._keeper.save(progress)
        self.progress = self._saved = progress

    def _nap(self, plan: Plan | None) -> float:
        """Seconds until time alone makes another pass worthwhile."""
        if not self._lit:
            return 0.5
        pause = self._walker.pause()
        longest = self._full_pass if pause is None else min(self._full_pass, pause + 0.001)
        if plan is not None and plan.standing == "blocked":
            longest = min(longest, BLOCKED_S)
        if plan is None or plan.wake_at is None:
            return longest
        return min(longest, max(0.01, plan.wake_at - self._clock.now()))

    def close(self, timeout: float) -> bool:
        """Let effects that have begun end, at most `timeout` seconds; True when none was cut off."""
        self._orders.close()
        clean = self._walker.stop(timeout)
        if self._certificates is not None:
            self._certificates.close()
        if self._analyst is not None:
            self._analyst.close()
        if self._reverts is not None:
            self._reverts.close()
        self._wanted.close()
        self._view.close()
        return clean


def _with_notes(plan: Plan, said: tuple[str, ...]) -> Plan:
    return msgspec.structs.replace(plan, notes=(*plan.notes, *said)) if said else plan


def _learned(progress: Progress, outcome: Outcome, now: float) -> Progress:
    action = outcome.action
    if not isinstance(action, StartPod):
        return progress
    if outcome.error is not None:
        return after_failure(progress, action, outcome.error.reason, outcome.error.message, now)
    if outcome.bug is not None:
        return after_failure(progress, action, "InternalError", one_line(str(outcome.bug)), now)
    return after_success(progress, action.key)


def _with_revisions(plan: Plan, desired: Desired) -> Progress:
    done = desired.revision.id if plan.standing == "converged" else plan.progress.converged
    return msgspec.structs.replace(plan.progress, accepted=desired.revision.id, converged=done)
