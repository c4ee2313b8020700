"""Where each rollout stands: the memory that labels can't hold. Losing it loses history, nothing else."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Value
from reconciler.model.delivery import Delivery, RunState
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord

RolloutPhase = Literal["progressing", "complete", "failed", "paused"]


class PastVersion(Value):
    """One entry of a workload's history: what `rollout history` lists. `number` counts from 1; a version that
    is returned to has a new one. `promoted` is the number under which it became the stable version by its
    steps, as far as a later version has come since; 0: it never did.
    """

    number: int
    template_hash: str
    revision: str
    at: float
    promoted: int = 0
    images: tuple[str, ...] = ()
    """What its pods ran: a return to it needs them."""


class RolloutState(Value):
    """One workload's rollout to `template_hash`. Times in seconds since the epoch.

    `stable_hash` and `stable_revision` name the version that last converged ("" before the first).
    `progressed_at` restarts the progress deadline; `best` is the most updated and available pods seen.
    `failed` is kept until the hash changes: a bad version is not retried.
    `history` is ordered, newest last: at most revisionHistoryLimit old versions, those that are stable, were
    it before or are kept warm, and the current one.
    """

    template_hash: str
    phase: RolloutPhase
    number: int
    started_at: float
    progressed_at: float
    best: tuple[int, int] = (0, 0)
    message: str = ""
    stable_hash: str = ""
    stable_revision: str = ""
    history: tuple[PastVersion, ...] = ()
    replicas: int | None = None
    """Pods wanted at the last pass: a change in the middle of a rollout is spread over its versions."""
    refused_architectures: tuple[str, ...] = ()
    """Node architectures for which a pull said that the image has no build."""
    delivery: Delivery | None = None
    """For what is delivered step by step: a Rollout, or a Deployment that asks for it. `phase` and `message`
    then follow from it; `stable_hash` is the version that was promoted last, or that is returned to."""


def fallback(state: RolloutState, wanted_hash: str) -> tuple[str, str]:
    """Template hash and revision of the version that must be at hand beside the wanted one: the last good
    one, while another is on its way, about to be, or has failed. Empty where there is none.
    """
    if state.phase == "complete" and state.template_hash != wanted_hash:
        return state.template_hash, state.history[-1].revision if state.history else state.stable_revision
    return (state.stable_hash, state.stable_revision) if _on_its_way(state) else ("", "")


def _on_its_way(state: RolloutState) -> bool:
    if state.delivery is not None and state.phase != "failed":
        return state.delivery.stage not in ("first", "done")
    return state.phase == "failed" or (
        state.phase != "complete" and state.stable_hash not in ("", state.template_hash)
    )


class Attempt(Value):
    """A pod that couldn't be started: it keeps its place; the next try is at `retry_at` (epoch seconds)."""

    record: PodRecord
    count: int
    reason: str
    message: str
    first_at: float
    retry_at: float


class Progress(Value):
    """`rollouts` by workload, `attempts` by pod, `runs` by AnalysisRun, `nodes` that hold or may hold pods.

    `accepted` is the newest revision without an error, `converged` the newest that converged whole.
    """

    rollouts: dict[Key, RolloutState] = {}
    attempts: dict[Key, Attempt] = {}
    runs: dict[Key, RunState] = {}
    nodes: tuple[str, ...] = ()
    accepted: str = ""
    converged: str = ""
