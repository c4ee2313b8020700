"""What every node's data plane is told (services, names, ingress, peers), in order with the pods' ends.

address     by which addresses nodes reach each other
published   what the data planes were told last
allocate    cluster IPs and node ports
backers     which pods stand behind a service, and whether they may get requests
behind      all of them; byhand: addresses that somebody wrote down
route       one service; services: all of them; held: those that stay although nothing wants them
names       DNS
ingress     routes and certificates
node        one node's traffic; wanted: every node's
words       a change of traffic as text
steps       node containers, Publish, upgrades; gate: no pod ends before the proxies know
memo        what the next pass needn't work out again
"""

from __future__ import annotations

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.network.held import why_held
from reconciler.decide.network.memo import NetworkMemo
from reconciler.decide.network.steps import plan_steps, switched_off
from reconciler.decide.network.wanted import wanted_traffic
from reconciler.model.action import PrepareNode, StopPod
from reconciler.model.meta import Key
from reconciler.model.plan import Standing

__all__ = ["NetworkMemo", "plan_network"]


def plan_network(
    turn: Pass, pruning: Standing, before: NetworkMemo | None
) -> tuple[Standing, NetworkMemo | None]:
    """After everything else has been planned: the stops of this very plan take part in what is published.

    Progressing while a data plane isn't as it should be; blocked when what may be an accident holds it back.
    """
    if not turn.desired.fleet.spec.network.enabled:
        return switched_off(turn), None
    woven = wanted_traffic(turn, why_held(turn, pruning), _ending(turn), before)
    for note in woven.notes:
        turn.draft.note(note)
    for view in turn.survey.views.values():
        for complaint in view.state.complaints if view.status == "ready" else ():
            turn.draft.note(f"{view.name}: {complaint}")
    busy, told = plan_steps(turn, woven)
    if told is not woven.told:
        woven = msgspec.structs.replace(woven, told=told)
    joining = any(isinstance(step.action, PrepareNode) for step in turn.draft.steps)
    if busy or joining:
        return "progressing", woven
    accident = woven.holds and turn.desired.fleet.spec.prune.enabled
    return "blocked" if accident else "converged", woven


def _ending(turn: Pass) -> frozenset[tuple[Key, str, Key]]:
    """(owner, node, pod) of every pod that this plan stops."""
    stops = (step.action for step in turn.draft.steps if isinstance(step.action, StopPod))
    return frozenset((a.owner, a.node, a.key) for a in stops if a.owner is not None)
