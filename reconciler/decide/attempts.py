"""Pods that couldn't be started: they keep their place and are tried again later, as Kubernetes does."""

from __future__ import annotations

import msgspec

from reconciler.decide.lifecycle import FIRST_BACKOFF, LONGEST_BACKOFF
from reconciler.model.action import StartPod
from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from reconciler.model.progress import Attempt, Progress

PASSING = frozenset({"Conflict", "NodeUnreachable"})
"""Reasons that pass by themselves: the first tries after one come soon."""
SOON, SOON_TRIES = 0.5, 3
LATER_REASON = {"ErrImagePull": "ImagePullBackOff"}
"""What `kubectl get pods` shows from the second failure on."""

_NO_BUILD = ("no matching manifest", "no match for platform", "does not match the specified platform")


def after_failure(progress: Progress, action: StartPod, reason: str, message: str, now: float) -> Progress:
    """Progress with the failed start in it. `reason` and `message` are the error's; never a secret value."""
    before = progress.attempts.get(action.key)
    count = before.count + 1 if before else 1
    attempt = Attempt(
        record=action.record,
        count=count,
        reason=reason,
        message=message,
        first_at=before.first_at if before else now,
        retry_at=now + pause(reason, count),
    )
    return msgspec.structs.replace(progress, attempts=_sorted(progress.attempts | {action.key: attempt}))


def after_success(progress: Progress, key: Key) -> Progress:
    """The pod `key` was started: no attempt any more."""
    if key not in progress.attempts:
        return progress
    rest = {k: a for k, a in progress.attempts.items() if k != key}
    return msgspec.structs.replace(progress, attempts=rest)


def pause(reason: str, count: int) -> float:
    """Seconds before the next try: 10, doubling to 300 (Kubernetes: image pull back-off)."""
    if reason in PASSING:
        if count <= SOON_TRIES:
            return SOON * count
        count -= SOON_TRIES
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(count - 1, 10))


def lacks_build(attempt: Attempt) -> bool:
    """The registry said that the image has no build for the node's architecture."""
    return any(sign in attempt.message for sign in _NO_BUILD)


def pending_pods(progress: Progress) -> tuple[PodState, ...]:
    """Attempts as the Pending pods that people see."""
    return tuple(
        PodState(
            record=a.record,
            phase="Pending",
            reason=LATER_REASON.get(a.reason, a.reason) if a.count > 1 else a.reason,
            message=a.message,
            created_at=a.first_at,
        )
        for a in progress.attempts.values()
    )


def _sorted(attempts: dict[Key, Attempt]) -> dict[Key, Attempt]:
    return dict(sorted(attempts.items()))
