"""The sets of pods that a delivery moves between: which version each is, and what part it plays. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from math import inf

from reconciler.decide.delivery.recipe import WHOLE, Recipe
from reconciler.model.observed import PodState
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import RolloutStrategy
from reconciler.record.deliveries.lines import SetLine


def set_lines(
    strategy: RolloutStrategy,
    state: RolloutState | None,
    pods: Iterable[PodState],
    lost: Container[str] = frozenset(),
) -> tuple[SetLine, ...]:
    """The newest version first; one without pods only while it matters. Pods on `lost` nodes aren't ready."""
    by_hash: dict[str, list[PodState]] = {}
    if state is not None:
        by_hash = {h: [] for h in (state.template_hash, state.stable_hash) if h}
    for pod in pods:
        if not pod.terminating:
            by_hash.setdefault(pod.record.template_hash, []).append(pod)
    lines = [_set(strategy, state, template_hash, mine, lost) for template_hash, mine in by_hash.items()]
    return tuple(sorted(lines, key=lambda line: (-line.number, line.template_hash)))


def _set(
    strategy: RolloutStrategy,
    state: RolloutState | None,
    template_hash: str,
    pods: list[PodState],
    lost: Container[str],
) -> SetLine:
    past = next((v for v in state.history if v.template_hash == template_hash), None) if state else None
    return SetLine(
        template_hash=template_hash,
        number=past.number if past else 0,
        revision=past.revision if past else next((p.record.revision for p in pods), ""),
        roles=roles(strategy, state, template_hash),
        ready=sum(p.ready and p.node not in lost for p in pods),
        total=len(pods),
        weight=share(strategy, state, template_hash),
        ends_at=ends_at(strategy, state, template_hash),
        nodes=dict(sorted(Counter(p.node for p in pods if p.node).items())),
    )


def roles(strategy: RolloutStrategy, state: RolloutState | None, template_hash: str) -> tuple[str, ...]:
    if state is None or state.delivery is None:
        return ()
    newest = template_hash == state.template_hash
    found = ["stable"] if template_hash == state.stable_hash else []
    if strategy.blue_green is not None:
        if template_hash == state.delivery.active_hash:
            found.append("active")
        elif newest:
            found.append("preview")
    elif newest and not found:
        found.append("canary" if state.stable_hash else "new")
    return tuple(found or ["old"])


def share(strategy: RolloutStrategy, state: RolloutState | None, template_hash: str) -> int | None:
    """Of the traffic, out of `maxTrafficWeight`. None where every pod gets as much as any other."""
    delivery = state.delivery if state else None
    if state is None or delivery is None or delivery.weight is None or strategy.canary is None:
        return None
    whole, canary = max_weight(strategy), canary_of(state)
    stable = state.stable_hash or canary
    if template_hash == stable:
        return whole if canary == stable else whole - delivery.weight
    return delivery.weight if template_hash == canary else 0


def canary_of(state: RolloutState) -> str:
    """The version that gets the canary's share."""
    return (state.delivery.canary_hash if state.delivery else "") or state.template_hash


def ends_at(strategy: RolloutStrategy, state: RolloutState | None, template_hash: str) -> float | None:
    """Until when it stays warm; None: it isn't kept for a time."""
    delivery = state.delivery if state else None
    if state is None or delivery is None:
        return None
    if delivery.stage == "aborted" and template_hash == state.template_hash:
        delay = Recipe(strategy=strategy, replicas=state.replicas or 0).warm_after_abort
        return delivery.ended_at + delay if 0 < delay < inf else None
    return delivery.retiring.get(template_hash)


def share_text(weight: int, of: int) -> str:
    return f"{weight} %" if of == WHOLE else f"{weight}/{of}"


def max_weight(strategy: RolloutStrategy) -> int:
    routing = strategy.canary.traffic_routing if strategy.canary else None
    return routing.max_traffic_weight if routing else WHOLE
