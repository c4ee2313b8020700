"""No pod ends while a proxy still sends it something: its stop comes after what tells the proxies (law 9)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.network.address import node_address
from reconciler.decide.network.backers import runs
from reconciler.decide.network.published import Place, states
from reconciler.model.action import StopPod
from reconciler.model.labels import DRAIN_ANNOTATION
from reconciler.model.observed import PodState
from reconciler.model.traffic import EndpointState, NodeTraffic, RoutedService

DRAIN_S = 5.0
"""How long what a pod is answering may take, once nothing new comes, unless the annotation says so."""

States = dict[Place, EndpointState]


class Gate:
    """`publishing`: node -> the number of its Publish step. Only nodes that were told something, or are being
    told it right now for the first time, hold a stop up.
    """

    def __init__(self, turn: Pass, wanted: Mapping[str, NodeTraffic], publishing: Mapping[str, int]) -> None:
        self._turn, self._publishing = turn, publishing
        self._known: dict[int, States] = {}
        self._told: list[tuple[str, States]] = []
        """What each node does, and what it may do at any moment."""
        for name in wanted:
            state = turn.survey.views[name].state
            for traffic in (state.traffic, state.telling):
                if traffic is not None:
                    self._told.append((name, self._states(traffic.services)))
        self._wanted = [self._states(traffic.services) for traffic in wanted.values()]

    def _states(self, services: tuple[RoutedService, ...]) -> States:
        found = self._known.get(id(services))
        if found is None:
            found = self._known[id(services)] = states(services)
        return found

    def close(self) -> None:
        """Put every stop of a pod that serves behind the steps that take it out."""
        for step in self._turn.draft.steps:
            action = step.action
            if not isinstance(action, StopPod) or (pod := self._pod(action)) is None or not runs(pod):
                continue
            ip = pod.record.ip or node_address(self._turn.survey.views[pod.node])
            place = action.namespace, action.pod, ip
            if not self._serves(place):
                continue
            gated = msgspec.structs.replace(action, ip=ip, drain=_drain(pod))
            after = tuple(sorted({*step.after, *self._before(place)}))
            self._turn.draft.replace(msgspec.structs.replace(step, action=gated, after=after))

    def _pod(self, action: StopPod) -> PodState | None:
        pods = self._turn.survey.views[action.node].state.pods
        return next((p for p in pods if p.key == action.key), None)

    def _serves(self, place: Place) -> bool:
        return any(place in s for s in self._wanted) or any(place in s for _, s in self._told)

    def _before(self, place: Place) -> list[int]:
        """The steps on the nodes that send it something, or may be about to."""
        return [
            self._publishing[name]
            for name, states in self._told
            if name in self._publishing and states.get(place) == "ready"
        ]


def _drain(pod: PodState) -> float:
    text = pod.record.annotations.get(DRAIN_ANNOTATION, "")
    try:
        return max(0.0, min(float(text), 3600.0)) if text else DRAIN_S
    except ValueError:
        return DRAIN_S
