"""Which versions are to be taken back in Git, and what their commits' messages say of it. Pure.

A delivery that was aborted by itself is: by an analysis that failed, or by its deadline. One that somebody
aborted or undid isn't, because they have Git in their own hands; nor one that somebody has paused since; nor
one whose analysis couldn't be carried out, because nothing is known against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from reconciler.model.delivery import Delivery, MetricState, RunState
from reconciler.model.desired import Desired
from reconciler.model.measured_text import counted_text
from reconciler.model.meta import Key
from reconciler.model.progress import Progress, RolloutState
from reconciler.model.reversal import Reversal

LINE = 200
"""Characters of one line of evidence; what was measured may be a whole page."""
METRICS, MEASUREMENTS = 5, 5
BAD = ("Failed", "Error", "Inconclusive")


def due(desired: Desired, progress: Progress) -> tuple[Reversal, ...]:
    """One for each version that failed and is still what the newest revision wants."""
    if desired.fleet.spec.on_abort != "revert":
        return ()
    found = progress.rollouts.items()
    return tuple(
        _reversal(key, state, progress)
        for key, state in found
        if state.delivery is not None
        and _failed(state, state.delivery)
        and not _unjudged(key, state, progress)
        and desired.hashes.get(key) == state.template_hash
    )


def _failed(state: RolloutState, way: Delivery) -> bool:
    if way.stage != "aborted" or state.stable_hash in ("", state.template_hash):
        return False
    return not _by_somebody(way) and not way.held_by("order")


def _unjudged(key: Key, state: RolloutState, progress: Progress) -> bool:
    run = _run(key, state, progress)
    return run is not None and run.phase == "Error"


def _by_somebody(way: Delivery) -> bool:
    """An order to abort and the abort that it is bear the same time."""
    return any(d.verb in ("abort", "undo") and d.at == way.ended_at for d in way.decisions)


def _reversal(key: Key, state: RolloutState, progress: Progress) -> Reversal:
    return Reversal(
        about=key,
        template_hash=state.template_hash,
        stable_hash=state.stable_hash,
        evidence="\n\n".join(_evidence(key, state, progress)),
    )


def _evidence(key: Key, state: RolloutState, progress: Progress) -> Iterator[str]:
    """What happened, why, and what was measured."""
    ended = state.delivery.ended_at if state.delivery else 0.0
    seen = f", seen at {state.history[-1].revision[:7]}," if state.history else ""
    yield (
        f"Version {state.number} ({state.template_hash}) of {key}{seen}\n"
        f"was aborted at {_time(ended)}. Version {state.stable_hash} serves."
    )
    if state.message:
        yield _line(f"Why: {state.message}")
    run = _run(key, state, progress)
    if run is None:
        return
    bad_ones = [(name, metric) for name, metric in run.metrics.items() if _tells(metric)]
    for name, metric in bad_ones[:METRICS]:
        yield "\n".join(_measured(name, metric, run))
    if len(bad_ones) > METRICS:
        yield f"(and {len(bad_ones) - METRICS} more metrics)"


def _run(key: Key, state: RolloutState, progress: Progress) -> RunState | None:
    """The analysis that ended this attempt: the newest that went wrong since it began."""
    found = [
        run
        for run in progress.runs.values()
        if run.owner == key
        and run.template_hash == state.template_hash
        and run.phase in ("Failed", "Error")
        and run.started_at >= state.started_at
    ]
    return max(found, key=lambda run: run.completed_at or run.started_at, default=None)


def _tells(metric: MetricState) -> bool:
    return not metric.dry_run and metric.phase in BAD


def _measured(name: str, metric: MetricState, run: RunState) -> Iterator[str]:
    counts = {"failed": metric.failed, "errors": metric.error, "inconclusive": metric.inconclusive}
    told = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    yield _line(f"{name}: {metric.phase} after {metric.taken} measurements ({told or 'none'})")
    spec = next((m for m in run.spec.metrics if m.name == name), None)
    if spec is not None and spec.success_condition:
        yield _line(f"  success is: {spec.success_condition}")
    if spec is not None and spec.failure_condition:
        yield _line(f"  failure is: {spec.failure_condition}")
    for one in metric.measurements[-MEASUREMENTS:]:
        found = " ".join(part for part in (counted_text(one.value) or one.value, one.message) if part)
        yield _line(f"  {_time(one.finished_at)}: {one.phase} {found}".rstrip())


def _line(text: str) -> str:
    """One line of plain text: what a server answered could hold anything."""
    indent = len(text) - len(text.lstrip())
    plain = "".join(c if c.isprintable() else " " for c in text)
    line = " " * indent + " ".join(plain.split())
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
