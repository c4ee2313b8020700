"""What was last seen of a node. Everybody reads it; listings, probes and lost connections change it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from reconciler.engine.dataplane.standing import Standing
from reconciler.errors import ReconcilerError
from reconciler.model.meta import Key
from reconciler.model.observed import HeldImage, NodeFacts, NodeState, PodState

Pods = tuple[PodState, ...]
_NO_PLANE = Standing()


class Seen:
    """Thread-safe. What equals what was there before keeps its identity, so that passes can skip it.

    `judge` adds the probes' verdicts to pods as listed. `changed` is called after each change.
    """

    def __init__(
        self,
        name: str,
        judge: Callable[[Pods], Pods],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._judge, self._changed, self._clock = judge, changed, clock
        self._lock = threading.Lock()
        self._listed: Pods = ()
        self._complaints: tuple[str, ...] = ()
        """About what the Engine says; beside those of the data plane."""
        self.state = NodeState(name=name)

    def listed(
        self,
        pods: Pods,
        facts: NodeFacts,
        pod_cidr: str,
        plane: Standing = _NO_PLANE,
        complaints: tuple[str, ...] = (),
    ) -> None:
        """The node answered: this is what it holds now. `complaints` are about what can't be read of it."""
        with self._lock:
            self._listed, self._complaints = pods, complaints
            fresh = NodeState(
                name=self.state.name,
                reachable=True,
                facts=facts,
                pod_cidr=pod_cidr,
                data_plane=plane.data_plane,
                traffic=plane.traffic,
                uncertain=plane.uncertain,
                untold_since=plane.untold_since,
                complaints=(*plane.complaints, *complaints),
                pods=self._judge(pods),
                unused_images=self.state.unused_images,
            )
            told = self._become(fresh)
        self._tell(told)

    def described(self, facts: NodeFacts, unused_images: tuple[HeldImage, ...] = ()) -> None:
        """Something else is known of the node itself."""
        with self._lock:
            fresh = msgspec.structs.replace(self.state, facts=facts, unused_images=unused_images)
            told = self._become(fresh)
        self._tell(told)

    def told(self, plane: Standing) -> None:
        """The data plane was told something, or it isn't known any more what."""
        with self._lock:
            fresh = msgspec.structs.replace(
                self.state,
                data_plane=plane.data_plane,
                traffic=plane.traffic,
                uncertain=plane.uncertain,
                untold_since=plane.untold_since,
                complaints=(*plane.complaints, *self._complaints),
            )
            told = self._become(fresh)
        self._tell(told)

    def judged(self) -> None:
        """A probe has a new verdict."""
        with self._lock:
            told = self._become(msgspec.structs.replace(self.state, pods=self._judge(self._listed)))
        self._tell(told)

    def lost(self, error: ReconcilerError) -> None:
        """The node doesn't answer. Its pods stay as last seen (law 6)."""
        with self._lock:
            since = self.state.lost_since
            told = self._become(
                msgspec.structs.replace(
                    self.state,
                    reachable=False,
                    lost_since=self._clock() if since is None else since,
                    reason=error.reason,
                    message=error.message,
                )
            )
        self._tell(told)

    def _become(self, fresh: NodeState) -> bool:
        """You hold the lock."""
        old = self.state
        fresh = msgspec.structs.replace(fresh, pods=_same(old.pods, fresh.pods))
        if fresh == old:
            return False
        self.state = fresh
        return True

    def _tell(self, told: bool) -> None:
        if told:
            self._changed()


def _same(old: Pods, fresh: Pods) -> Pods:
    """`fresh`, with the very objects of `old` where they are equal."""
    before: dict[Key, PodState] = {p.key: p for p in old}
    kept = tuple(b if (b := before.get(p.key)) is not None and b == p else p for p in fresh)
    return old if len(kept) == len(old) and all(a is b for a, b in zip(kept, old, strict=True)) else kept
