"""What is remembered of a rollout: deadline, history, the version that last converged, the one that failed.

before        hash changed   paused   all available   deadline over   -> after
none          -              -        -               -                  progressing (or complete at once)
any           yes            -        -               -                  progressing, next number
progressing   no             no       no              no                 progressing
progressing   no             no       no              yes                failed
progressing   no             no       yes             -                  complete
progressing   no             yes      no              -                  paused: the deadline stands still
paused        no             no       no              -                  progressing, deadline from now
complete      no             -        -               -                  complete: healing has no deadline
failed        no             -        yes             -                  complete, unless an older one serves
failed        no             -        no              -                  failed: not retried until it changes

Progress that is yet to come was made before the clock was set back: it counts as made now.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.decide.slots import Slot
from reconciler.model.base import Value
from reconciler.model.duration import human_duration
from reconciler.model.progress import PastVersion, RolloutState


class Sight(Value):
    """What a rollout looks like now. `updated` and `available` count pods of the wanted version.

    `finished`: all wanted pods are available and no other is left. `fallback`: an older version can serve.
    `ended`: nothing is tried any more, so there is no deadline to wait for.
    """

    template_hash: str
    revision: str
    replicas: int
    updated: int
    available: int
    finished: bool
    ended: bool = False
    paused: bool = False
    fallback: bool = False
    deadline: int = 600
    history_limit: int = 10
    complaint: str = ""


def advance(before: RolloutState | None, sight: Sight, slots: Iterable[Slot], now: float) -> RolloutState:
    """The same object when nothing has changed."""
    if before is None:
        state = _first(sight, list(slots), now)
    elif before.template_hash != sight.template_hash:
        state = _next(before, sight, now)
    else:
        state = before
    after = _judged(_counted(_in_time(state, now), sight, now), sight, now)
    return before if after == before else after


def deadline_of(state: RolloutState, deadline: int) -> float | None:
    """When the rollout fails unless it progresses (epoch seconds); None when it doesn't run."""
    return state.progressed_at + deadline if state.phase == "progressing" else None


def _first(sight: Sight, slots: list[Slot], now: float) -> RolloutState:
    """Unknown until now: new, or progress was lost. Then the pods tell since when it has been going on."""
    mine = [s for s in slots if s.record.template_hash == sight.template_hash]
    born = [s.pod.created_at for s in mine if s.pod is not None and s.pod.created_at]
    ready = [s.pod.ready_since for s in mine if s.pod is not None and s.pod.ready_since]
    older = _serving(slots, sight.template_hash)
    past = PastVersion(number=1, template_hash=older[0], revision=older[1], at=0.0) if older else None
    number = 2 if past else 1
    now_version = PastVersion(
        number=number, template_hash=sight.template_hash, revision=sight.revision, at=min(born, default=now)
    )
    return RolloutState(
        template_hash=sight.template_hash,
        phase="progressing",
        number=number,
        started_at=min(born, default=now),
        progressed_at=max([*born, *ready], default=now),
        best=(sight.updated, sight.available),
        stable_hash=older[0] if older else "",
        stable_revision=older[1] if older else "",
        history=(past, now_version) if past else (now_version,),
    )


def _serving(slots: list[Slot], template_hash: str) -> tuple[str, str] | None:
    """Hash and revision of the version, other than this one, with the most available pods."""
    votes: dict[tuple[str, str], tuple[int, int]] = {}
    for slot in slots:
        record = slot.record
        if record.template_hash != template_hash:
            ready, total = votes.get((record.template_hash, record.revision), (0, 0))
            votes[record.template_hash, record.revision] = (ready + slot.available, total + 1)
    return max(sorted(votes), key=lambda v: votes[v], default=None)


def _next(before: RolloutState, sight: Sight, now: float) -> RolloutState:
    """A return to an old version moves it to a new number, as in Kubernetes. What a failure falls back to
    stays in the history, whatever its limit.
    """
    number = before.number + 1
    complete = before.phase == "complete"
    entry = PastVersion(number=number, template_hash=sight.template_hash, revision=sight.revision, at=now)
    older = [p for p in before.history if p.template_hash != sight.template_hash]
    counted = older[-sight.history_limit :] if sight.history_limit else []
    stable = before.template_hash if complete else before.stable_hash
    kept = [p for p in older if p in counted or p.template_hash == stable]
    return RolloutState(
        template_hash=sight.template_hash,
        phase="progressing",
        number=number,
        started_at=now,
        progressed_at=now,
        best=(sight.updated, sight.available),
        stable_hash=stable,
        stable_revision=_revision(before) if complete else before.stable_revision,
        history=(*kept, entry),
        replicas=before.replicas,
    )


def _revision(state: RolloutState) -> str:
    return state.history[-1].revision if state.history else state.stable_revision


def _in_time(state: RolloutState, now: float) -> RolloutState:
    late = state.phase == "progressing" and state.progressed_at > now
    return msgspec.structs.replace(state, progressed_at=now) if late else state


def _counted(state: RolloutState, sight: Sight, now: float) -> RolloutState:
    """More updated or more available pods than ever before: that is progress."""
    best = max(state.best[0], sight.updated), max(state.best[1], sight.available)
    if best == state.best or state.phase != "progressing":
        return state
    return msgspec.structs.replace(state, best=best, progressed_at=now)


def _judged(state: RolloutState, sight: Sight, now: float) -> RolloutState:
    over = state.phase == "failed" and sight.fallback
    if state.phase != "complete" and sight.finished and not over:
        return _complete(state)
    if state.phase in ("complete", "failed"):
        return state
    if sight.paused:
        return msgspec.structs.replace(state, phase="paused", message="spec.paused is true")
    if state.phase == "paused":
        return msgspec.structs.replace(state, phase="progressing", message="", progressed_at=now)
    if now >= state.progressed_at + sight.deadline:
        return msgspec.structs.replace(state, phase="failed", message=_failure(sight))
    return state


def _complete(state: RolloutState) -> RolloutState:
    return msgspec.structs.replace(
        state,
        phase="complete",
        message="",
        stable_hash=state.template_hash,
        stable_revision=_revision(state),
    )


def _failure(sight: Sight) -> str:
    text = (
        f"no progress for {human_duration(sight.deadline)}: "
        f"{sight.available} of {sight.replicas} pods of {sight.template_hash} available"
    )
    return f"{text}; {sight.complaint}" if sight.complaint else text
