"""What `rollout status` says, as words and tables without any looks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler.cli.page import Page, Table, age, tidy
from reconciler.decide.delivery.green_text import pods
from reconciler.decide.delivery.way import UNDER_WAY
from reconciler.model.duration import human_duration
from reconciler.model.measured_text import measured_text
from reconciler.record.deliveries import DeliveryStatus, RunLine, SetLine, StepLine
from reconciler.record.deliveries.sets import share_text
from reconciler.record.metadata import time_of_day

DONE, CURRENT, STOPPED = (
    "\N{HEAVY CHECK MARK}",
    "\N{BLACK RIGHT-POINTING TRIANGLE}",
    "\N{HEAVY MULTIPLICATION X}",
)
MARKS = {"done": DONE, "current": CURRENT, "stopped": STOPPED, "next": ""}

STRATEGIES = {"canary": "canary", "blueGreen": "blue-green"}
ALONE = "no reconciler runs on this machine: nothing goes on until one does"
DECISIONS_SHOWN = 5
REVISION_CHARS = 7


def delivery_page(seen: DeliveryStatus, now: float) -> Page:
    """`now` (epoch seconds) gives ages, and how long is left."""
    tables = (_steps(seen, now), _sets(seen, now), _runs(seen), _decisions(seen, now))
    return Page(head=tuple(_head(seen, now)), tables=tuple(tidy(t) for t in tables if t.rows))


def delivery_line(seen: DeliveryStatus) -> str:
    """One line: how it stands, and why. With the time of day: what is left changes from look to look."""
    step = "" if seen.message.startswith("step ") else _step(seen)  # while it progresses, it says that itself
    why = ", ".join(filter(None, (step, seen.message)))
    until = time_of_day(seen.until) if seen.until is not None else ""
    left = f" ({ALONE})" if not seen.running else f" (until {until})" if until else ""
    return f"{seen.key}: {seen.phase}" + (f": {why}" if why else "") + left


def deliveries_table(seen: tuple[DeliveryStatus, ...]) -> Table:
    """A row for each object."""
    rows = tuple(
        (str(one.key), STRATEGIES[one.strategy], one.phase, _at_step(one), _share(one), one.message)
        for one in seen
    )
    return tidy(Table(columns=("NAME", "STRATEGY", "PHASE", "STEP", "WEIGHT", "WHY"), rows=rows))


def _head(seen: DeliveryStatus, now: float) -> Iterator[str]:
    yield f"{seen.key}: {seen.phase}"
    if seen.message:
        yield f"  {seen.message}"
    if seen.phase == "Degraded" and seen.stage == "aborted":
        again = f"`reconciler rollout retry {seen.name} -n {seen.namespace}` tries it again"
        yield f"  {again}; a changed manifest is tried by itself"
        for hold in (hold for hold in seen.holds if hold.reason == "order"):
            ends = f"`reconciler rollout resume {seen.name} -n {seen.namespace}` ends that"
            yield f"  paused {hold.message}; {ends}"
    if not seen.running:
        yield f"  {ALONE}"
    if seen.until is not None and seen.running:
        yield f"  it goes on by itself: {_left(seen.until, now)}"
    elif seen.holds and seen.phase == "Paused":
        yield f"  {_way_on(seen)}"
    version = f"version {seen.number}" if seen.number else "no version yet"
    yield ", ".join(filter(None, (STRATEGIES[seen.strategy], version, _step(seen), _weight(seen))))
    counts = f"{seen.updated} updated, {seen.ready} ready, {seen.available} available"
    yield f"{pods(seen.desired)} wanted, {counts}"


def _way_on(seen: DeliveryStatus) -> str:
    """Who was told to pause is told to resume; what waits for a decision is promoted or aborted."""
    verb = "resume" if all(hold.reason == "order" for hold in seen.holds) else "promote"
    back = ", `abort` goes back" if seen.stage in UNDER_WAY else ""
    return f"`reconciler rollout {verb} {seen.name} -n {seen.namespace}` lets it go on{back}"


def _step(seen: DeliveryStatus) -> str:
    return f"step {at}" if (at := _at_step(seen)) else ""


def _at_step(seen: DeliveryStatus) -> str:
    if seen.stage == "stepping" and seen.step < len(seen.steps):
        return f"{seen.step + 1}/{len(seen.steps)} {seen.steps[seen.step].text}"
    return ""


def _weight(seen: DeliveryStatus) -> str:
    return f"{share} of the requests to the canary" if (share := _share(seen)) else ""


def _share(seen: DeliveryStatus) -> str:
    if seen.weight is None or seen.stage in ("done", "first", None):
        return ""
    return share_text(seen.weight, seen.max_weight)


def _left(until: float, now: float) -> str:
    return f"{human_duration(int(until - now))} left" if until > now else "now"


def _steps(seen: DeliveryStatus, now: float) -> Table:
    held = any(hold.reason != "step" for hold in seen.holds)
    steps = (
        msgspec.structs.replace(s, until=None) if held and s.mark == "current" else s for s in seen.steps
    )
    rows = tuple(_step_row(index, step, now) for index, step in enumerate(steps, start=1))
    return Table(columns=("", "#", "STEP", "LEFT"), rows=rows)


def _step_row(number: int, step: StepLine, now: float) -> tuple[str, ...]:
    left = _left(step.until, now) if step.until is not None else ""
    return MARKS[step.mark], str(number), step.text, left


def _sets(seen: DeliveryStatus, now: float) -> Table:
    columns = ("SET", "VERSION", "COMMIT", "ROLE", "READY", "REQUESTS", "ENDS", "NODES")
    return Table(columns=columns, rows=tuple(_set(one, seen.max_weight, now) for one in seen.sets))


def _set(one: SetLine, whole: int, now: float) -> tuple[str, ...]:
    return (
        one.template_hash,
        str(one.number or "-"),
        one.revision[: 16 if one.revision.startswith("dir-") else REVISION_CHARS],
        ", ".join(one.roles),
        f"{one.ready}/{one.total}",
        share_text(one.weight, whole) if one.weight is not None else "",
        _left(one.ends_at, now) if one.ends_at is not None and one.total else "",
        ", ".join(f"{node}: {count}" for node, count in one.nodes.items()),
    )


def _runs(seen: DeliveryStatus) -> Table:
    columns = ("ANALYSIS", "OF", "PHASE", "METRIC", DONE, STOPPED, "?", "ERRORS", "LAST", "WHY")
    rows = tuple(row for run in seen.runs for row in _run(run))
    return Table(columns=columns, rows=rows)


def _run(run: RunLine) -> Iterator[tuple[str, ...]]:
    part = f"step {run.step + 1}" if run.role == "step" and run.step is not None else run.role
    if not run.metrics:
        yield (run.name, part, run.phase, "", "", "", "", "", "", run.message)
    for index, metric in enumerate(run.metrics):
        first = (run.name, part, run.phase) if index == 0 else ("", "", "")
        counts = (metric.successful, metric.failed, metric.inconclusive, metric.error)
        name = f"{metric.name} (dry run)" if metric.dry_run else metric.name
        why = metric.message or (run.message if index == 0 else "")
        yield (*first, name, *(str(n or "") for n in counts), measured_text(metric.value), why)


def _decisions(seen: DeliveryStatus, now: float) -> Table:
    newest = sorted(seen.decisions, key=lambda d: -d.at)[:DECISIONS_SHOWN]
    rows = tuple((age(d.at, now), d.who, d.verb, str(d.number or "")) for d in newest)
    return Table(columns=("AGE", "WHO", "SAID", "OF VERSION"), rows=rows)
