"""One object's commits, as people make them: the strategy stays for most, and few hold anything uncommon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from reconciler.model.desired import Desired
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.rollout import RolloutStrategy
from tests.decide.builders import ROLLOUT, WEB, deployment, desired, rollout
from tests.laws.deliveries import DOOR, KINDS, SERVICES, SMOKE
from tests.laws.evictions import PLAIN, tainted
from tests.laws.handovers import SCALE_DOWNS
from tests.laws.job_metrics import BY_JOB
from tests.laws.restarts import restart_at
from tests.laws.strategies import BAD, GOOD
from tests.laws.world import START


class Habits:
    """`clock`: what the reconciler's clock shows. `scale_down`: the template comes from a Deployment, whose
    own pods go so; "": it is the Rollout's own. `moves`: the first commit has only that Deployment.
    """

    def __init__(
        self, draw: Callable[[st.SearchStrategy[Any]], Any], kind: str, key: Key | None = None
    ) -> None:
        self.draw, self.kind = draw, kind
        self.clock: Callable[[], float] = lambda: START
        self.key: Key = key or (WEB if draw(st.integers(0, 4)) == 4 else ROLLOUT)
        self.strategy = draw(KINDS[kind])
        self.replicas = draw(st.sampled_from([4, 1, 2, 3, 5]))
        refers = self.key == ROLLOUT and self._rarely(7)
        self.scale_down = draw(st.sampled_from(SCALE_DOWNS)) if refers else ""
        self.moves = refers and draw(st.booleans())
        self.judge = BY_JOB if self._rarely(4) else SMOKE
        self.number, self.image = 0, ""

    def _rarely(self, often: int) -> bool:
        """Once in so many times; the simplest is not."""
        return bool(self.draw(st.integers(0, often - 1)) == often - 1)

    def commit(
        self, images: tuple[str, ...] = GOOD + GOOD + GOOD + BAD, *, final: bool = False, steady: bool = False
    ) -> Desired:
        """`final`: one that can be delivered, and isn't paused. `steady`: by the same strategy as before."""
        draw = self.draw
        if not steady and self._rarely(8):
            self.strategy = draw(KINDS[draw(st.sampled_from([self.kind, *KINDS]))])
        if not steady and self._rarely(4):
            self.replicas = draw(st.integers(0, 5))
        spec: dict[str, Any] = {
            "minReadySeconds": draw(st.sampled_from([0, 0, 5])),
            "paused": not final and draw(st.integers(0, 9)) == 0,
            "revisionHistoryLimit": draw(st.integers(0, 3)),
            "progressDeadlineSeconds": draw(st.sampled_from([60, 600])),
        }
        self.number += 1
        common: dict[str, Any] = {
            "of": draw(tainted(final)) if not steady and self._rarely(6) else PLAIN,
            "revision": f"{self.number:040x}",
            "subject": draw(st.sampled_from(["Update", "Update", 'Revert "Update"'])),
            "services": SERVICES,
            "ingresses": (DOOR,),
            "templates": (self.judge,),
        }
        self.image = image = draw(st.sampled_from([i for i in images if i != self.image]))
        if self.key == WEB:
            return self._annotated(image, spec, common, final=final)
        spec["progressDeadlineAbort"] = draw(st.booleans())
        if draw(st.integers(0, 4)) == 0:
            spec["rollbackWindow"] = {"revisions": draw(st.integers(1, 2))}
        if not steady and self._rarely(8):
            spec["restartAt"] = restart_at(self.clock() + draw(st.sampled_from([-20, 0, 60, 300])))
        return desired(*self._workloads(image, spec), **common)

    def _annotated(self, image: str, spec: dict[str, Any], common: dict[str, Any], *, final: bool) -> Desired:
        """A Deployment that is delivered by its annotation, or for once by its own strategy."""
        plain = not final and self.draw(st.integers(0, 2)) == 0
        read = msgspec.convert(self.strategy, RolloutStrategy)
        item = deployment("web", image, self.replicas, **spec)
        text = "" if plain else msgspec.json.encode(self.strategy).decode()
        meta = msgspec.structs.replace(item.metadata, annotations={"reconciler.io/strategy": text})
        return desired(
            msgspec.structs.replace(item, metadata=meta), strategies={} if plain else {WEB: read}, **common
        )

    def _workloads(self, image: str, spec: dict[str, Any]) -> list[Workload]:
        if not self.scale_down:
            return [rollout(self.strategy, "web", image, self.replicas, **spec)]
        given = deployment("web", image, 3)
        if self.moves and self.number == 1:
            return [given]
        ref = {"name": "web", "scaleDown": self.scale_down}
        return [given, rollout(self.strategy, "web", image, self.replicas, workloadRef=ref, **spec)]
