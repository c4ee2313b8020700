"""Showing a delivery once, or as it goes on until it has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from reconciler.cli.page import Page, Table, plain
from reconciler.cli.rollout_ask import Away
from reconciler.cli.rollout_page import ALONE, deliveries_table, delivery_line, delivery_page
from reconciler.cli.terminal import echo, echo_json
from reconciler.errors import NotConverged, UsageError
from reconciler.model.meta import Key
from reconciler.record.deliveries import DeliveryStatus, Phase

if TYPE_CHECKING:
    from rich.console import Group

LATER = "it goes on without being watched; look again with `reconciler rollout status`"
AWAY_S = 60.0
"""How long a reconciler may be in coming back, while it is watched: it may be restarted."""
REFRESH_S = 0.5
"""Between two questions: one object's view costs a reconciler next to nothing."""


class Looking(Protocol):
    """`rollout_ask.Asking`."""

    def look(self, about: Key | None = None) -> tuple[DeliveryStatus, ...]: ...


def show_all(
    seen: tuple[DeliveryStatus, ...], output: str, terminal: bool = False, namespace: str | None = None
) -> None:
    """`namespace`: of this one only."""
    seen = tuple(one for one in seen if namespace in (None, one.namespace))
    if output == "json":
        echo_json(seen)
        return
    if not seen:
        where = f" in namespace {namespace}" if namespace else ""
        echo(f"nothing is delivered step by step{where}")
        return
    if not seen[0].running:
        echo(f"{ALONE}\n")
    if terminal:
        from rich.console import Console

        from reconciler.cli.picture import drawn_table

        Console().print(drawn_table(deliveries_table(seen)))
    else:
        echo(_aligned(deliveries_table(seen)))


def show(seen: tuple[DeliveryStatus, ...], key: Key, output: str, terminal: bool) -> None:
    one = _of(seen, key)
    if output == "json":
        echo_json(one)
    elif terminal:
        from rich.console import Console

        Console().print(_picture(one))
    else:
        echo(plain(delivery_page(one, time.time())))


def watch(
    asked: Looking,
    key: Key,
    output: str,
    timeout: str,
    *,
    wanted: Phase = "Healthy",
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Until it is healthy, or degraded. Raises `NotConverged` unless it ends as `wanted`."""
    looks = _looks(asked, key, timeout, pause, _is_back if wanted == "Degraded" else _has_ended)
    if output == "text" and sys.stdout.isatty():
        last = _live(looks)
    else:
        last = _lines(looks, _json if output == "json" else delivery_line)
    if last.phase != wanted:
        name = f"{last.name} --namespace {last.namespace}"
        raise NotConverged(
            f"it is {last.phase}" + (f": {last.message}" if last.message else ""),
            where=str(key),
            remedy=f"`reconciler history {name}` tells how it came to that",
        )


def patience(timeout: str) -> float:
    """How long is watched, in seconds. Raises `UsageError`."""
    from reconciler.model.duration import seconds

    try:
        return seconds(timeout) if timeout else float("inf")
    except ValueError as error:
        raise UsageError(str(error), where="--timeout", remedy="write for example 90s or 5m") from error


def _looks(
    asked: Looking,
    key: Key,
    timeout: str,
    pause: Callable[[float], None],
    over: Callable[[DeliveryStatus], bool],
) -> Iterator[DeliveryStatus]:
    """Again and again; the last one has ended."""
    until, seen_at = time.monotonic() + patience(timeout), None
    while True:
        try:
            one = _of(asked.look(key), key)
        except Away:
            if seen_at is None or time.monotonic() - seen_at > AWAY_S:
                raise
        else:
            seen_at = time.monotonic()
            yield one
            if over(one):
                return
        if time.monotonic() >= until:
            raise NotConverged(
                f"out of time: after {timeout} it is {one.phase}"
                + (f": {one.message}" if one.message else ""),
                where=str(key),
                remedy=LATER if one.running else ALONE,
            )
        pause(min(REFRESH_S, max(0.0, until - time.monotonic())))


def _has_ended(one: DeliveryStatus) -> bool:
    return one.phase in ("Healthy", "Degraded")


def _is_back(one: DeliveryStatus) -> bool:
    """After an abort: the stable version carries everything again."""
    stable = next((s for s in one.sets if s.template_hash == one.stable_hash), None)
    carries = stable is not None and stable.ready >= one.desired and one.weight in (None, 0)
    return one.phase == "Healthy" or (one.phase == "Degraded" and carries)


def _of(seen: tuple[DeliveryStatus, ...], key: Key) -> DeliveryStatus:
    one = next((s for s in seen if s.key == key), None)
    if one is None:
        raise UsageError("it isn't delivered step by step any more", where=str(key))
    return one


def _live(looks: Iterator[DeliveryStatus]) -> DeliveryStatus:
    from rich.live import Live

    newest = next(looks)
    with Live(_picture(newest), auto_refresh=False) as live:
        for newest in looks:
            live.update(_picture(newest), refresh=True)
    return newest


def _lines(looks: Iterator[DeliveryStatus], text: Callable[[DeliveryStatus], str]) -> DeliveryStatus:
    """A line whenever there is something new to say."""
    import msgspec

    said, last = "", None
    for last in looks:
        line = text(msgspec.structs.replace(last, at=0.0))
        if line != said:
            echo(text(last))
        said = line
    assert last is not None, "it is looked at once at least"
    return last


def _picture(one: DeliveryStatus) -> Group:
    from reconciler.cli.picture import drawn

    return drawn(delivery_page(one, time.time()), one.phase)


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _aligned(table: Table) -> str:
    return plain(Page(head=(), tables=(table,))).lstrip("\n")
