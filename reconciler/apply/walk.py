"""Walks plans: each step as soon as those before it have succeeded, a few at a time per node.

A slow or lost node delays its own steps only. A step whose predecessor fails is dropped: the
next decision sees what is and plans anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import partial
from time import monotonic

from reconciler.apply.backoff import Backoff, Failure
from reconciler.apply.perform import Lane, lane_of, perform
from reconciler.engine.node import Node
from reconciler.errors import NodeError, NotUnderstood
from reconciler.model.action import AnyAction, PodAction, RemoveImages
from reconciler.model.base import Value
from reconciler.model.desired import Contents
from reconciler.model.plan import Step
from reconciler.turns import Stopping, Turns

LOG = logging.getLogger(__name__)
LANES: Mapping[Lane, int] = {"traffic": 1, "stops": 32, "starts": 128}
"""Actions at a time on one node. A stop mostly waits for its grace period. Kubernetes has 110 pods a node."""
STARTING_PER_NODE = 4
"""So many starts work at a time: more gain nothing. The others wait for a registry, or for their turn."""

ContentsOf = Callable[[AnyAction], Contents]


class Outcome(Value):
    """How one action ended, after how many seconds. Both errors None: its effect is there."""

    action: AnyAction
    seconds: float
    error: NodeError | None = None
    bug: Exception | None = None


class Walker:
    """Runs steps in threads.

    For each action that ends, in this order: `done(outcome)` from its thread, then the action is no
    longer `under_way()`, then `wake()`. So whoever reads `under_way()` first and the outcomes after it
    never misses how an action ended.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        done: Callable[[Outcome], None],
        wake: Callable[[], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._nodes, self._done, self._wake = nodes, done, wake
        self._changed = threading.Condition()
        self._under_way: dict[tuple[str, str], AnyAction] = {}
        self._running = 0
        self._lanes: dict[tuple[str, Lane], ThreadPoolExecutor] = {}
        self._turns: dict[str, Turns] = {}
        self._stopping = False
        self._backoff = Backoff(clock)

    def under_way(self) -> tuple[AnyAction, ...]:
        """Actions that were taken on and haven't ended."""
        with self._changed:
            return tuple(self._under_way.values())

    def submit(self, steps: Iterable[Step], contents: ContentsOf) -> list[Step]:
        """Take on every step that may begin; returns those. Doesn't block.

        Left to a later plan: what is busy, what failed a moment ago, a second step for the same subject (a
        node is made, then told), and whatever comes after such a step.
        `contents` gives the ConfigMaps and Secrets for an action: an older version keeps its own.
        """
        fresh: list[Step] = []
        left: set[int] = set()
        subjects: set[tuple[str, str]] = set()
        with self._changed:
            for step in steps:
                subject = _subject(step.action)
                taken = subject in subjects or not self._may_begin(step.action)
                if taken or left.intersection(step.after):
                    left.add(step.number)
                else:
                    fresh.append(step)
                    subjects.add(subject)
            self._under_way.update((_subject(s.action), s.action) for s in fresh)
        _Walk(self, fresh, contents).release()
        return fresh

    def _may_begin(self, action: AnyAction) -> bool:
        busy = self._stopping or _subject(action) in self._under_way
        return not busy and not self._backoff.holds(action)

    def failing(self, steps: Iterable[Step]) -> tuple[Failure, ...]:
        """What failed when it was last tried and is still wanted: it is tried again after a pause."""
        return self._backoff.failing(step.action for step in steps)

    def pause(self) -> float | None:
        """Seconds until something that failed may be tried again; None when nothing is held back."""
        return self._backoff.pause()

    def begin(self, action: AnyAction, contents: ContentsOf, then: Callable[[bool], None]) -> None:
        """Queue one action in its node's lane; `then` is told whether it succeeded."""
        with self._changed:
            lane = None if self._stopping else self._lane(action)
        if lane is None:
            self.drop([action])
            return
        begun = threading.Lock()
        try:
            lane.submit(self._do, begun, action, contents, then)
        except (RuntimeError, MemoryError) as error:  # no thread is to be had; what was queued is so still
            if begun.acquire(blocking=False):
                failed = Outcome(action=action, seconds=0.0, error=_no_thread(action, error))
                self._end(action, failed, then)

    def drop(self, actions: Iterable[AnyAction]) -> None:
        """These won't run, or have ended."""
        with self._changed:
            for action in actions:
                self._under_way.pop(_subject(action), None)
            self._changed.notify_all()
        self._wake()

    def stop(self, timeout: float) -> bool:
        """Begin nothing more, wait for what has begun. True when all of it ended in `timeout` seconds."""
        with self._changed:
            self._stopping = True
            for lane in self._lanes.values():
                lane.shutdown(wait=False, cancel_futures=True)
            for turns in self._turns.values():
                turns.close()
            return self._changed.wait_for(lambda: self._running == 0, timeout)

    def _lane(self, action: AnyAction) -> ThreadPoolExecutor:
        key = (action.node, lane_of(action))
        if key not in self._lanes:
            self._lanes[key] = ThreadPoolExecutor(LANES[key[1]], thread_name_prefix=f"apply-{action.node}")
            self._turns.setdefault(action.node, Turns(STARTING_PER_NODE))
        return self._lanes[key]

    def _do(
        self, begun: threading.Lock, action: AnyAction, contents: ContentsOf, then: Callable[[bool], None]
    ) -> None:
        if not begun.acquire(blocking=False):
            return  # it was given up before its thread came
        turn = self._turns[action.node].taken() if lane_of(action) == "starts" else nullcontext()
        with suppress(Stopping), turn:
            with self._changed:
                if self._stopping:
                    return
                self._running += 1
            outcome = None
            try:
                outcome = _attempt(action, self._nodes, contents)
            finally:
                self._end(action, outcome, then)
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _end(self, action: AnyAction, outcome: Outcome | None, then: Callable[[bool], None]) -> None:
        """Whatever goes wrong in telling of it, it has ended. An outcome of None: it was cut off."""
        succeeded = False
        try:
            if outcome is not None:
                self._backoff.ended(action, outcome.error or outcome.bug)
                self._done(outcome)
                succeeded = outcome.error is None and outcome.bug is None
        except Exception:
            LOG.exception("how %s ended can't be told", action.subject)
        try:
            then(succeeded)
        except Exception:
            LOG.exception("what comes after %s can't be begun", action.subject)
        finally:
            self.drop([action])


class _Walk:
    """One plan's steps and what each still waits for."""

    def __init__(self, walker: Walker, steps: list[Step], contents: ContentsOf) -> None:
        taken = {s.number for s in steps}
        self._walker, self._contents = walker, contents
        self._lock = threading.Lock()
        self._waiting = {s.number: (s, {n for n in s.after if n in taken}) for s in steps}

    def release(self) -> None:
        """Begin every step that waits for nothing any more."""
        with self._lock:
            ready = [s for s, before in self._waiting.values() if not before]
            for step in ready:
                del self._waiting[step.number]
        for step in ready:
            self._walker.begin(step.action, self._contents, partial(self._ended, step.number))

    def _ended(self, number: int, succeeded: bool) -> None:
        with self._lock:
            if not succeeded:
                lost = self._cut_off(number)
            else:
                lost = []
                for _, before in self._waiting.values():
                    before.discard(number)
        if lost:
            self._walker.drop(lost)
        self.release()

    def _cut_off(self, number: int) -> list[AnyAction]:
        """Forget every step that waits, also through others, for one that failed."""
        dead, lost = {number}, []
        while hit := [n for n, (_, before) in self._waiting.items() if before & dead]:
            lost += [self._waiting.pop(n)[0].action for n in hit]
            dead.update(hit)
        return lost


def _attempt(action: AnyAction, nodes: Mapping[str, Node], contents: ContentsOf) -> Outcome:
    began = monotonic()
    error: NodeError | None = None
    bug: Exception | None = None
    try:
        perform(action, nodes, contents(action))
    except NodeError as failure:
        error = failure
    except Stopping:
        raise
    except Exception as failure:  # a bug in one action is reported; it must not end the loop
        bug = failure
    return Outcome(action=action, seconds=monotonic() - began, error=error, bug=bug)


def _no_thread(action: AnyAction, error: Exception) -> NodeError:
    return NotUnderstood(
        f"this machine has no thread for it ({str(error) or 'out of memory'})",
        node=action.node,
        remedy="look at its limits on processes and memory (ulimit -u, TasksMax of its service)",
    )


def _subject(action: AnyAction) -> tuple[str, str]:
    """What the action is done to: only one at a time."""
    if isinstance(action, PodAction):
        return action.node, str(action.key)
    return action.node, "images" if isinstance(action, RemoveImages) else ""
