"""A workload's places: which pods hold one, how they stand, and which don't count any more."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.lifecycle import broken
from reconciler.decide.schedule.filters import tolerated
from reconciler.decide.survey import NodeView
from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord, PodState
from reconciler.model.progress import Attempt


class Slot(Value):
    """One place that is taken: by a pod that was seen, by an attempt at one, or by both.

    `available`: ready for minReadySeconds; `available_at` (epoch seconds) is when that will be.
    """

    record: PodRecord
    view: NodeView
    pod: PodState | None = None
    attempt: Attempt | None = None
    ready: bool = False
    available: bool = False
    available_at: float | None = None

    @property
    def reachable(self) -> bool:
        return self.view.status == "ready"

    @property
    def over(self) -> bool:
        """Its programs have ended and aren't started again: it will never be ready, nothing waits for it."""
        return self.pod is not None and self.pod.phase in ("Succeeded", "Failed")

    @property
    def name(self) -> str:
        return self.record.name


class Slots(Value):
    """`here` hold places. `ending` are being removed, `faulty` must be removed and why, `away` are given up.

    `hidden` more may be on nodes that couldn't be looked into.
    """

    here: tuple[Slot, ...] = ()
    ending: tuple[PodState, ...] = ()
    faulty: tuple[tuple[PodState, str], ...] = ()
    away: tuple[PodState, ...] = ()
    hidden: int = 0

    def of(self, template_hash: str) -> list[Slot]:
        return [s for s in self.here if s.record.template_hash == template_hash]

    def other_than(self, template_hash: str) -> list[Slot]:
        return [s for s in self.here if s.record.template_hash != template_hash]

    @property
    def records(self) -> list[PodRecord]:
        return [s.record for s in self.here]


def gather(turn: Pass, owner: Key, wanted: int, min_ready: float = 0.0) -> Slots:
    """Sort the owner's pods, in a fixed order. Says what it waits for: silent and lost nodes, hidden pods."""
    here: list[Slot] = []
    ending: list[PodState] = []
    faulty: list[tuple[PodState, str]] = []
    away: list[PodState] = []
    for pod in turn.observed.by_owner.get(owner, ()):
        if pod.terminating:
            ending.append(pod)
        elif _given_up(turn, pod):
            away.append(pod)
        elif reason := _fault(turn, pod):
            faulty.append((pod, reason))
        else:
            here.append(_slot(turn, pod, min_ready))
    settled = not ending and len(here) + len(faulty) >= wanted and all(s.ready for s in here)
    faulty, spared = _in_turn(faulty, settled)
    here += [_slot(turn, pod, min_ready) for pod in spared]
    here = _with_attempts(turn, owner, here, {p.key for p in ending})
    hidden, until = turn.hidden.of(owner, len(here) + len(ending) + len(away), wanted)
    if hidden:
        known_end = None if until == float("inf") else until
        turn.draft.wait(f"node {turn.hidden.where()}", f"it may hold {hidden} of {owner}'s pods", known_end)
    return Slots(
        here=tuple(here), ending=tuple(ending), faulty=tuple(faulty), away=tuple(away), hidden=hidden
    )


def _given_up(turn: Pass, pod: PodState) -> bool:
    """Its node has left the inventory, or has been lost for longer than the pod tolerates."""
    view = turn.survey.views[pod.node]
    if view.status == "removed":
        return True
    return view.status == "lost" and turn.now >= turn.survey.evict_at(pod)


def _fault(turn: Pass, pod: PodState) -> str:
    """Why the pod must go whatever else happens; "" if it may stay. Only on nodes that can be asked."""
    view = turn.survey.views[pod.node]
    if view.status != "ready" or pod.busy:
        return ""
    if pod.doubt:
        return pod.doubt
    if reason := _tainted(turn, pod.record, pod.created_at, view):
        return reason
    if pod.phase in ("Failed", "Succeeded"):
        ended = f"it has {'failed' if pod.phase == 'Failed' else 'ended'}{_detail(pod)}"
        return "" if pod.record.owner.kind == "Pod" else ended
    return broken(pod)


def _in_turn(
    faulty: list[tuple[PodState, str]], settled: bool
) -> tuple[list[tuple[PodState, str]], list[PodState]]:
    """What is faulty, and what may stay for now. A pod that only lost a volume still serves, and a prune that
    took the volumes of all mustn't take all pods: they go one by one, each when the others are ready.
    """
    serving = [pod for pod, _ in faulty if pod.lost_volumes and pod.ready]
    first = serving[:1] if settled and len(serving) == len(faulty) else []
    spared = [pod for pod in serving if pod not in first]
    return [(pod, why) for pod, why in faulty if pod not in spared], spared


def _detail(pod: PodState) -> str:
    return f" ({pod.reason})" if pod.reason else ""


def _tainted(turn: Pass, record: PodRecord, since: float, view: NodeView) -> str:
    """A NoExecute taint that it doesn't tolerate, or no longer: its seconds count from `since` (of the
    node's clock). Else "".
    """
    taints = [t for t in view.spec.taints if t.effect == "NoExecute"] if view.spec else []
    for taint in taints:
        reason = f"{view.name} is tainted {taint.key}:NoExecute"
        if not tolerated(taint, record.spec):
            return reason
        limits = [t.toleration_seconds for t in record.spec.tolerations if t.tolerates(taint)]
        ends = [since + max(0, s) for s in limits if s is not None]
        left = min(ends, default=float("inf")) - view.clock(turn.now)
        if left <= 0:
            return reason
        if ends:
            turn.draft.wait(f"pod {record.name}", f"it tolerates {taint.key} for a time", turn.now + left)
    return ""


def _slot(turn: Pass, pod: PodState, min_ready: float) -> Slot:
    view = turn.survey.views[pod.node]
    _watch(turn, pod, view)
    ready = pod.ready and view.status in ("ready", "silent")
    if pod.ready_since is not None and pod.ready_since > turn.now:
        turn.unsteady.add(pod.record.owner)
    at = _available_at(pod, turn.now, min_ready)
    return Slot(
        record=pod.record,
        view=view,
        pod=pod,
        ready=ready,
        available=ready and at <= turn.now,
        available_at=at if ready and at > turn.now else None,
    )


def _available_at(pod: PodState, now: float, min_ready: float) -> float:
    """A pod that became ready in the future did so before the clock was set back: that is long enough."""
    since = pod.ready_since if pod.ready_since is not None else now
    return now if since > now else since + min_ready


def _watch(turn: Pass, pod: PodState, view: NodeView) -> None:
    """A node that doesn't answer delays its own pods only; say until when."""
    if view.status == "silent":
        turn.draft.wait(f"node {view.name}", "it doesn't answer; its pods count as last seen", view.lost_at)
    elif view.status == "lost":
        until = turn.survey.evict_at(pod)
        because = "it is lost; its pods are replaced elsewhere then"
        turn.draft.wait(f"node {view.name}", because, None if until == float("inf") else until)


def _with_attempts(turn: Pass, owner: Key, here: list[Slot], ending: set[Key]) -> list[Slot]:
    """Attempts join the pod that was seen half made, or hold a place by themselves. A pod that is ready, or
    has ended, needs none any more: its program may have been quicker than what made it.
    """
    by_key = {(s.record.key, s.record.node): i for i, s in enumerate(here)}
    for attempt in turn.attempts_of(owner):
        record = attempt.record
        view = turn.survey.views.get(record.node)
        index = by_key.get((record.key, record.node))
        if index is not None and (here[index].ready or here[index].over):
            continue
        if index is not None:
            slot = here[index]
            here[index] = Slot(record=slot.record, view=slot.view, pod=slot.pod, attempt=attempt)
        elif view is not None and _still_there(turn, attempt, view) and record.key not in ending:
            here.append(Slot(record=record, view=view, attempt=attempt))
    return here


def _still_there(turn: Pass, attempt: Attempt, view: NodeView) -> bool:
    """Nothing runs yet: a lost node loses the attempt at once, and so does one that evicts its pods."""
    if view.status != "ready":
        return view.status in ("silent", "unknown")
    return not _tainted(turn, attempt.record, view.clock(attempt.first_at), view)
