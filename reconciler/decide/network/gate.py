"""No pod ends while a proxy still sends it something: its stop comes after what tells the proxies (law 9).

A proxy that can't be told is waited for, but not for ever: while its node is silent, until it counts as lost;
while the node answers and its proxy doesn't listen, for `UNTOLD_S`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.network.address import node_address
from reconciler.decide.network.backers import runs
from reconciler.decide.network.published import Place, states
from reconciler.decide.survey import NodeView
from reconciler.model.action import StopPod
from reconciler.model.labels import DRAIN_ANNOTATION
from reconciler.model.observed import PodState
from reconciler.model.traffic import EndpointState, NodeTraffic, RoutedService

DRAIN_S = 5.0
"""How long what a pod is answering may take, once nothing new comes, unless the annotation says so."""
UNTOLD_S = 60.0
"""How long the stops of pods wait for a proxy on a node that answers, and that can't be told anything."""

States = dict[Place, EndpointState]


class Proxy:
    """What one node's proxy may do at any moment: one of `states`; None: nobody knows, so anything."""

    def __init__(self, view: NodeView, states: list[States] | None) -> None:
        self.view, self.states = view, states

    def may_send_to(self, place: Place) -> bool:
        return self.states is None or any(s.get(place) == "ready" for s in self.states)


class Gate:
    """`publishing`: node -> the number of its Publish step."""

    def __init__(self, turn: Pass, wanted: Mapping[str, NodeTraffic], publishing: Mapping[str, int]) -> None:
        self._turn, self._publishing = turn, publishing
        self._known: dict[int, States] = {}
        self._wanted = [self._states(traffic.services) for traffic in wanted.values()]
        self._proxies = [self._proxy(view) for view in turn.survey.views.values() if _forwards(view)]

    def _states(self, services: tuple[RoutedService, ...]) -> States:
        found = self._known.get(id(services))
        if found is None:
            found = self._known[id(services)] = states(services)
        return found

    def _proxy(self, view: NodeView) -> Proxy:
        state = view.state
        surely = state.uncertain or ((state.traffic,) if state.traffic is not None else ())
        may = (*surely, state.telling) if state.telling is not None else surely
        return Proxy(view, [self._states(traffic.services) for traffic in may] if may else None)

    def close(self) -> None:
        """Put every stop of a pod that serves behind the steps that take it out."""
        held: list[int] = []
        for step in self._turn.draft.steps:
            action = step.action
            if not isinstance(action, StopPod) or (pod := self._pod(action)) is None or not runs(pod):
                continue
            ip = pod.record.ip or node_address(self._turn.survey.views[pod.node])
            place = action.namespace, action.pod, ip
            if not self._serves(place):
                continue
            senders = [proxy for proxy in self._proxies if proxy.may_send_to(place)]
            if self._silent(action, senders):
                held.append(step.number)
            gated = msgspec.structs.replace(action, ip=ip, drain=_drain(pod))
            after = tuple(sorted({*step.after, *self._told_by(action, senders)}))
            self._turn.draft.replace(msgspec.structs.replace(step, action=gated, after=after))
        if held:
            self._turn.draft.withhold(held)

    def _pod(self, action: StopPod) -> PodState | None:
        pods = self._turn.survey.views[action.node].state.pods
        return next((p for p in pods if p.key == action.key), None)

    def _serves(self, place: Place) -> bool:
        known = (s for proxy in self._proxies for s in proxy.states or ())
        return any(place in s for s in self._wanted) or any(place in s for s in known)

    def _silent(self, action: StopPod, senders: list[Proxy]) -> bool:
        """Whether a node that doesn't answer may still send it something. It is lost soon, or back."""
        silent = [proxy.view for proxy in senders if proxy.view.status == "silent"]
        for view in silent:
            because = f"{view.name} doesn't answer, and its proxy may still send it requests"
            self._turn.draft.wait(f"stop {action.subject}", because, view.lost_at)
        return bool(silent)

    def _told_by(self, action: StopPod, senders: list[Proxy]) -> Iterator[int]:
        """The steps on the nodes that send it something, or may be about to."""
        for proxy in senders:
            view = proxy.view
            number = self._publishing.get(view.name)
            since = view.state.untold_since
            if number is None:
                continue
            if since is None or self._turn.now < since + UNTOLD_S:
                yield number
            else:
                self._turn.draft.note(
                    f"{view.name}: its proxy can't be told anything, and may still send requests to "
                    f"{action.pod}, which ends all the same"
                )


def _forwards(view: NodeView) -> bool:
    """A proxy is there, as far as anybody knows. Of a lost node nothing is waited for."""
    return view.status in ("ready", "silent") and view.state.data_plane not in ("", "stopped")


def _drain(pod: PodState) -> float:
    text = pod.record.annotations.get(DRAIN_ANNOTATION, "")
    try:
        return max(0.0, min(float(text), 3600.0)) if text else DRAIN_S
    except ValueError:
        return DRAIN_S
