"""The analyses of one object in one pass: each that its state asks for is pursued, the others are ended."""

from __future__ import annotations

from reconciler.decide.analysis import Asked, pursue, terminate
from reconciler.decide.analysis.arguments import in_full
from reconciler.decide.current import Pass
from reconciler.decide.delivery.judges import Judge, judges
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.split import leading_to
from reconciler.decide.delivery.way import Judged, Verdicts
from reconciler.decide.slots import Slots
from reconciler.model.delivery import ENDED, RunState
from reconciler.model.meta import Key
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment


class Judging:
    """A state may change several times in a pass; no run is pursued twice in it."""

    def __init__(
        self,
        turn: Pass,
        owner: Key,
        workload: Rollout | Deployment,
        recipe: Recipe,
        slots: Slots,
    ) -> None:
        self._turn, self._owner, self._workload = turn, owner, workload
        self._recipe, self._slots = recipe, slots
        self._runs: dict[Key, RunState] = {}

    def verdicts(self, state: RolloutState) -> Verdicts:
        """How each analysis stands that this state asks for."""
        asked = list(judges(self._owner, state, self._recipe))
        for judge in asked:
            if judge.key not in self._runs:
                self._runs[judge.key] = pursue(self._turn, self._asked(judge, state))
        found = {judge.role: (judge.key.name, self._runs[judge.key]) for judge in asked}
        return {
            r: Judged(name=name, phase=run.phase, message=run.message) for r, (name, run) in found.items()
        }

    def _asked(self, judge: Judge, state: RolloutState) -> Asked:
        known = judge.key in self._turn.before.runs
        return Asked(
            key=judge.key,
            owner=self._owner,
            role=judge.role,
            analysis=judge.analysis,
            step=judge.step,
            template_hash=state.template_hash,
            stable_hash=state.stable_hash,
            canary=self._pods(state.template_hash),
            stable=self._pods(state.stable_hash),
            services=tuple(key.name for key in leading_to(self._turn.desired, self._owner)),
            served=any(slot.available for slot in self._slots.of(state.template_hash)),
            fields={} if known else in_full(self._workload),
        )

    def _pods(self, version: str) -> tuple[str, ...]:
        return tuple(sorted(slot.name for slot in self._slots.of(version)))

    def close(self, state: RolloutState) -> None:
        """End what the state that was come to doesn't ask for."""
        live = {judge.key for judge in judges(self._owner, state, self._recipe)}
        for key, run in {**self._turn.before.runs, **self._runs}.items():
            if run.owner == self._owner and key not in live and run.phase not in ENDED:
                terminate(self._turn, key, "the update needs it no longer")
