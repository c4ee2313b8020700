"""What every plan of a delivery must keep, worked out anew from where the delivery says that it stands."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd

from reconciler.decide.delivery.recipe import recipe_of
from reconciler.decide.delivery.weights import MOST
from reconciler.model.action import Publish
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.progress import Progress
from reconciler.model.traffic import Endpoint, NodeTraffic, RoutedService
from tests.laws.evictions import check_evictions
from tests.laws.handovers import check_handover, check_moving
from tests.laws.job_metrics import check_jobs
from tests.laws.leading import check_leading
from tests.laws.look import Look
from tests.laws.restarts import check_restarts

SPLIT_BY_WEIGHT = ("web", "web-stable:split")


def check_delivery(
    key: Key, plan: Plan, desired: Desired, observed: Observed, progress: Progress, now: float
) -> None:
    workload = desired.workloads.get(key)
    recipe = recipe_of(desired, key, workload) if workload is not None else None
    if recipe is None:
        return
    look = Look(key, plan, desired, observed, progress, now, recipe)
    if recipe.shared or look.way.stage == "first":
        _together(look)
    else:
        _apart(look)
    _quarantined(look)
    _not_retried(look)
    _halted(look)
    check_restarts(look)
    check_handover(look, observed)
    check_evictions(plan, observed, look.views)
    check_jobs(plan, observed, look.views)
    for step in plan.steps:
        if isinstance(step.action, Publish):
            told = [node.traffic for node in observed.nodes.values() if node.traffic is not None]
            before = observed.nodes[step.action.node].traffic
            _published(look, step.action.traffic, before, told)
    assert plan.verdicts[key].standing != "converged" or not plan.steps or _others(plan, key)


def _others(plan: Plan, key: Key) -> bool:
    return all(getattr(s.action, "owner", None) != key for s in plan.steps)


def _together(look: Look) -> None:
    """Law 1: all versions share the replicas."""
    budget = look.recipe.budget
    if look.stops:
        left = look.up.total() - look.stops.total()
        assert left >= budget.least, f"too few stay available\n{look}"
    if look.young:
        assert look.up.total() >= budget.least, f"{look.young} serve, and go before others do\n{look}"
    if look.starts:
        assert look.count.total() + look.starts.total() <= budget.most, f"too many pods\n{look}"


def _apart(look: Look) -> None:
    """Law 1: each version by itself, as much as its traffic asks for."""
    most = max(look.recipe.replicas, look.way.scale.replicas or 0 if look.way.scale else 0)
    for version in look.starts:
        assert look.count[version] + look.starts[version] <= most, f"too many of {version}\n{look}"
        assert version in (look.state.template_hash, look.state.stable_hash), f"who wants it?\n{look}"
    for version, stopped in look.stops.items():
        left, need = look.up[version] - stopped, _needed(look, version)
        assert left >= need, f"{version} needs {need} pods\n{look}"


def _needed(look: Look, version: str) -> int:
    """How many pods a version must keep for its part."""
    way, state, recipe = look.way, look.state, look.recipe
    replicas = recipe.replicas
    if version == state.stable_hash and not recipe.canary.dynamic_stable_scale:
        return replicas
    if version == state.template_hash and way.stage in ("done", "finishing", "switched"):
        return replicas
    if recipe.blue_green:
        return replicas if version == way.active_hash else 0
    if way.weight is None:
        return 0
    canary = way.canary_hash or state.template_hash
    if canary == state.stable_hash or version not in (canary, state.stable_hash):
        return replicas if version == state.stable_hash else 0
    if version == state.stable_hash:
        return ceil(Fraction(replicas * (recipe.whole - way.weight), recipe.whole))
    return 0 if way.scale is not None else ceil(Fraction(replicas * way.weight, recipe.whole))


def _quarantined(look: Look) -> None:
    """Law 2: an aborted version gets nothing once the stable one can carry it."""
    if look.way.stage != "aborted":
        return
    if look.up[look.state.stable_hash] >= max(1, look.recipe.budget.least):
        assert not look.way.weight, f"it still gets traffic\n{look}"
        assert look.way.active_hash in ("", look.state.stable_hash), f"it is still active\n{look}"


def _not_retried(look: Look) -> None:
    """Law 3: not by itself."""
    before = look.before.delivery if look.before else None
    if look.before is not None and before is not None and before.stage == "aborted":
        same = look.before.template_hash == look.state.template_hash
        assert not same or look.way.stage == "aborted", f"it tries again\n{look}"


def _halted(look: Look) -> None:
    """Law 1: what is paused takes no more, also where nothing but its pods says how much it has."""
    way, new = look.way, look.state.template_hash
    reasons = {hold.reason for hold in way.holds}
    held = look.recipe.paused or reasons & {"order", "inconclusive"}
    moves = way.stage in ("stepping", "finishing") and new != look.state.stable_hash
    if held and moves and look.recipe.shared and not way.weight and "forgotten" not in reasons:
        assert not look.starts[new], f"it goes on\n{look}"


def _published(look: Look, traffic: NodeTraffic, before: NodeTraffic | None, told: list[NodeTraffic]) -> None:
    """`told`: what every node was told until now, this one `before`."""
    old = {s.name: s for s in before.services} if before else {}
    for service in traffic.services:
        if service.live:
            known = [s for t in told for s in t.services if s.name == service.name]
            taken = {e.slot for s in known for e in s.ports[0].endpoints if _is_active(look, e)}
            _slots(look, service, old.get(service.name), taken)
        elif service.name in SPLIT_BY_WEIGHT and not look.recipe.blue_green:
            _weights(look, service)
        check_leading(look, service)
        check_moving(look, service, old.get(service.name))


def _ready(look: Look, service: RoutedService) -> list[Endpoint]:
    """Pods of its own."""
    return [e for e in service.ports[0].endpoints if e.state == "ready" and e.name in look.versions]


def _weights(look: Look, service: RoutedService) -> None:
    """Law 2: as the shares stand to each other; as near as may be where HAProxy takes no such weights."""
    way, whole = look.way, look.recipe.whole
    stable = look.state.stable_hash
    if way.weight is None or way.stage in ("first", "done") or way.canary_hash in ("", stable):
        return
    assert 0 <= way.weight <= whole, f"{look}"
    shares = {way.canary_hash: way.weight, stable: whole - way.weight}
    behind = [look.versions[e.name] for e in _ready(look, service)]
    if not any(shares.get(v) for v in behind):
        shares = {stable: whole}  # it stands in where it is the only one that could serve
    sums = dict.fromkeys(behind, 0)
    for end in _ready(look, service):
        assert 0 <= end.weight <= MOST, f"{end}\n{look}"
        sums[look.versions[end.name]] += end.weight
    shrink = gcd(*shares.values())
    exact = all(share // shrink <= MOST * behind.count(v) for v, share in shares.items())
    assert all(not sums[v] for v in sums if not shares.get(v)), f"{sums} for {shares}\n{look}"
    for one in sums.keys() & shares.keys():
        assert bool(sums[one]) == bool(shares[one]), f"{sums} for {shares}\n{look}"
        for other in sums.keys() & shares.keys():
            off = abs(sums[one] * shares[other] - sums[other] * shares[one])
            most = 0 if exact else (sums[one] + sums[other]) * (shares[one] + shares[other]) / MOST
            assert off <= most, f"{sums} for {shares}\n{look}"


def _is_active(look: Look, end: Endpoint) -> bool:
    return look.versions.get(end.name) == look.way.active_hash


def _slots(look: Look, service: RoutedService, before: RoutedService | None, taken: set[str]) -> None:
    """Law 2: one version has a weight in the live slot, never an empty one while its pods could serve;
    nothing moves, but out of the slot that the active version has `taken` at other nodes while this one was
    away. Who parts stays in its slot without a weight, until it ends, also when that is live again.
    """
    ends = service.ports[0].endpoints
    live = {look.versions[e.name] for e in ends if e.slot == service.live and e.weight}
    assert len(live) <= 1, f"two versions in one slot\n{look}\n{service}"
    assert live <= {look.way.active_hash}, f"{look}\n{service}"
    serving = [e for e in _ready(look, service) if e.slot == service.live]
    beside = [e for e in _ready(look, service) if e.slot != service.live]
    old = look.before.delivery.active_hash if look.before and look.before.delivery else ""
    if not serving and beside:
        nobody = not look.recipe.replicas
        assert nobody or look.way.active_hash == old or not old, f"switched to nobody\n{look}\n{service}"
        assert not look.left[look.way.active_hash], f"{look}\n{service}"
    if before is not None and before.live:
        back = {e.name for e in ends if e.weight}  # who parted may serve again from the other slot
        held = [e for e in before.ports[0].endpoints if e.weight or e.name not in back]
        was = {e.name: e.slot for e in held if _is_active(look, e) or e.slot not in taken}
        now = {e.name: e.slot for e in ends}
        assert all(was[n] == now[n] for n in was.keys() & now.keys()), f"moved\n{look}\n{before}\n{service}"
