"""What a pass may take over from the one before: its cost grows with the change, not with the fleet.

Everything here can be thrown away at any time: a decision with it equals one without it.
"""

from __future__ import annotations

from reconciler.decide.network.memo import NetworkMemo
from reconciler.decide.schedule.ground import Bases
from reconciler.decide.survey import Survey
from reconciler.model.base import Value
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from reconciler.model.plan import Settled, Verdict
from reconciler.model.progress import RolloutState

__all__ = ["Calm", "Memo", "Settled"]


class Calm(Value):
    """A workload that had converged, and all that this verdict depends on beside the nodes' standing."""

    workload: Workload
    template_hash: str
    pods: tuple[PodState, ...]
    rollout: RolloutState | None
    verdict: Verdict

    def holds(
        self,
        workload: Workload,
        template_hash: str,
        pods: tuple[PodState, ...],
        rollout: RolloutState | None,
    ) -> bool:
        """Nothing has changed. Pods by identity: observed states share what didn't change."""
        return (
            self.pods is pods
            and self.template_hash == template_hash
            and (self.rollout is rollout or self.rollout == rollout)
            and (self.workload is workload or self.workload == workload)
        )


class Memo(Settled):
    """`calm` holds while `survey` is the same; `bases` are what each node's pods take up, by its state.
    `network` is the network's own memo. `made_at`: what time has brought by then stays only as long as no
    clock is set back.
    """

    __slots__ = ("ahead", "bases", "calm", "made_at", "network", "survey")

    def __init__(
        self,
        survey: Survey,
        calm: dict[Key, Calm],
        bases: Bases,
        network: NetworkMemo | None,
        made_at: float,
        ahead: float = 0.0,
    ) -> None:
        self.survey, self.calm, self.bases, self.network = survey, calm, bases, network
        self.made_at, self.ahead = made_at, ahead

    def holds_at(self, now: float, ahead: float) -> bool:
        """No clock has been set since."""
        return self.made_at <= now and self.ahead == ahead
