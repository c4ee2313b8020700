"""What was taken back in Git, or couldn't be, in words."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.loop.turn import Turn
from reconciler.model.event import Event
from reconciler.model.reversal import Reverted


def tell_reverts(turn: Turn) -> Iterator[tuple[str, Event]]:
    """Lines for the terminal, each with its event."""
    for one in turn.reverted:
        event = _event(one, turn.at)
        yield f"{event.about}: {event.message}", event


def _event(one: Reverted, at: float) -> Event:
    about, version = one.reversal.about, one.reversal.template_hash
    if one.error:
        words = f"version {version} isn't taken back in Git: {one.error}"
        return Event(at=at, type="Warning", reason="RevertFailed", message=words, about=about)
    words = f"version {version} was taken back in Git by {one.commit[:7]}"
    return Event(
        at=at, type="Normal", reason="RolloutReverted", message=words, about=about, revision=one.commit
    )
