"""What is under way but can't be seen on the nodes yet, laid over what was observed.

Without it the next decision would start a pod again while its image is still being pulled.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.model.action import AnyAction, PodAction, Publish, StartPod, StopPod
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed, PodState


def overlay(observed: Observed, under_way: Iterable[AnyAction]) -> Observed:
    """The same with `busy` and `terminating` set, pods that are being made shown as ContainerCreating, and
    what nodes are being told.
    """
    under_way = tuple(under_way)
    by_node: dict[str, dict[Key, PodAction]] = {}
    for action in under_way:
        if isinstance(action, PodAction):
            by_node.setdefault(action.node, {})[action.key] = action
    for name, actions in sorted(by_node.items()):
        if name in observed.nodes:
            observed = observed.with_node(_marked(observed.nodes[name], actions))
    for action in under_way:
        if isinstance(action, Publish) and action.node in observed.nodes:
            told = msgspec.structs.replace(observed.nodes[action.node], telling=action.traffic)
            observed = observed.with_node(told)
    return observed


def _marked(node: NodeState, actions: dict[Key, PodAction]) -> NodeState:
    seen = {pod.key for pod in node.pods}
    pods = [_busy(pod, actions[pod.key]) if pod.key in actions else pod for pod in node.pods]
    pods += [_coming(a) for key, a in sorted(actions.items()) if key not in seen and isinstance(a, StartPod)]
    return msgspec.structs.replace(node, pods=tuple(pods))


def _busy(pod: PodState, action: PodAction) -> PodState:
    return msgspec.structs.replace(pod, busy=True, terminating=isinstance(action, StopPod))


def _coming(action: StartPod) -> PodState:
    return PodState(record=action.record, phase="Pending", reason="ContainerCreating", busy=True)
