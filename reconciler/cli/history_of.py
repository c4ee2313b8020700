"""What became of an object that is delivered step by step: its versions, what people said, how each ended."""

from __future__ import annotations

import time
from collections.abc import Iterator

from reconciler.cli.terminal import echo, echo_json
from reconciler.model.base import Value
from reconciler.model.delivery import Decision
from reconciler.model.progress import PastVersion, RolloutState
from reconciler.record.deliveries import find
from reconciler.record.journal import Journal, RecordedEvent
from reconciler.record.progress import ProgressStore
from reconciler.record.store import Store

EVENTS_READ = 1_000
"""Of one object; pods' own events are about the pods."""


class ObjectHistory(Value):
    """Newest first, as `-o json` prints it."""

    object: str
    versions: tuple[PastVersion, ...]
    stable: str
    decisions: tuple[Decision, ...]
    events: tuple[RecordedEvent, ...]


def show(store: Store, name: str, namespace: str | None, limit: int, output: str) -> None:
    """Raises `UsageError` when the record knows nothing of that name, or several."""
    rollouts = {k: r for k, r in ProgressStore(store).load().rollouts.items() if r.delivery is not None}
    key = find(rollouts, name, namespace)
    events = Journal(store).events(key, EVENTS_READ)[:limit]
    told = history_of(str(key), rollouts[key], events)
    if output == "json":
        echo_json(told)
    else:
        echo("\n".join(lines(told)))


def history_of(name: str, state: RolloutState, events: tuple[RecordedEvent, ...]) -> ObjectHistory:
    return ObjectHistory(
        object=name,
        versions=tuple(reversed(state.history)),
        stable=state.stable_hash,
        decisions=tuple(sorted(state.delivery.decisions if state.delivery else (), key=lambda d: -d.at)),
        events=events,
    )


def lines(told: ObjectHistory) -> Iterator[str]:
    """Pure, but for the zone of the times."""
    yield told.object
    for index, version in enumerate(told.versions):
        parts = ["newest"] if index == 0 else []
        parts += ["stable"] if version.template_hash == told.stable else []
        marks = f" ({', '.join(parts)})" if parts else ""
        made = f"version {version.number} {version.template_hash} {version.revision}"
        yield f"{_time(version.at)}  {made}{marks}"
    for heading, found in (
        ("decisions", map(_decision, told.decisions)),
        ("events", map(_event, told.events)),
    ):
        shown = list(found)
        yield from ([f"{heading}:", *shown] if shown else [])


def _decision(one: Decision) -> str:
    about = f" of version {one.number}" if one.number else ""
    return f"{_time(one.at)}  {one.who} said {one.verb}{about}"


def _event(one: RecordedEvent) -> str:
    times = f" ({one.count} times)" if one.count > 1 else ""
    return f"{_time(one.last_at)}  {one.event.reason:<22} {one.event.message}{times}"


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else " " * 19
