"""`restartAt`: how it is written, and what a plan that restarts pods must keep."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.laws.look import Look


def restart_at(moment: float) -> str:
    """RFC 3339, whole seconds."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_restarts(look: Look) -> None:
    """As many at a time as may be unavailable; only while nothing else happens and nobody is missing, by what
    is remembered; and nothing is as it should be until all are over.
    """
    at, state = look.recipe.restart_at, look.state
    kept = {state.stable_hash} if look.way.stage == "aborted" else {state.stable_hash, state.template_hash}
    here = [p for p in look.pods if look.views[p.node].status != "lost"]
    mine = [p for p in here if p.record.template_hash in kept]
    old = {p.record.name for p in mine if p.created_at < look.views[p.node].clock(at)}
    due = bool(at) and look.now >= at
    standing = look.plan.verdicts[look.key].standing
    assert not due or not old or standing != "converged", f"{old} are older than restartAt\n{look}"
    if not look.restarts:
        return
    assert due and look.restarts <= old, f"{look.restarts} of {old}\n{look}"
    assert not look.starts and not look.stops, f"beside other moves\n{look}"
    most = max(1, look.recipe.budget.unavailable)
    assert len(look.restarts) <= most, f"too many at a time\n{look}"
    up = sum(look.up[version] for version in kept)
    assert up == len(mine), f"somebody is missing\n{look}"
    carried = sum(look.up[version] for version in kept | {look.way.canary_hash})
    assert carried >= look.recipe.replicas, f"the capacity isn't kept\n{look}"
    assert not look.way.held_by("forgotten"), f"nothing moves until somebody says so\n{look}"
