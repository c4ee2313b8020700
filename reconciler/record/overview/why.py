"""One sentence that says why the fleet stands as it does. Pure."""

from __future__ import annotations

from reconciler.model.desired import Desired
from reconciler.model.plan import Plan, Verdict
from reconciler.model.revision import Revision


def why(
    plan: Plan | None, desired: Desired | None, refused: Revision | None, source_error: str, *, running: bool
) -> str:
    if plan is None or desired is None:
        return _why_unknown(refused, source_error, running=running)
    short = desired.revision.short
    if plan.standing == "converged":
        return f"everything is as {short} wants it" + (", but for the notes" if plan.notes else "")
    behind = [(k, v) for k, v in plan.verdicts.items() if v.standing == plan.standing]
    if not behind:
        return next(iter([*map(str, plan.waits), *plan.notes]), f"on the way to {short}")
    key, verdict = behind[0]
    rest = f" (and {len(behind) - 1} more)" if len(behind) > 1 else ""
    return f"{key}: {verdict.message or _count(verdict)}{rest}"


def _why_unknown(refused: Revision | None, source_error: str, *, running: bool) -> str:
    if not running:
        return "no reconciler runs on this machine; this is what the nodes hold"
    if refused is not None:
        return f"revision {refused.short} is refused, and no earlier good one is known"
    if source_error:
        return "the source can't be read, and no earlier revision is known"
    return "waiting for the first revision"


def _count(verdict: Verdict) -> str:
    return f"{verdict.available} of {verdict.desired} pods available, {verdict.updated} updated"
