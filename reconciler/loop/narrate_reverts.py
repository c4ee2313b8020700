"""What was taken back in Git, or couldn't be, in words."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.loop.turn import Turn
from reconciler.model.event import Event
from reconciler.model.reversal import Reverted


def tell_reverts(turn: Turn) -> Iterator[tuple[str, Event]]:
    """Lines for the terminal, each with its event."""
    for one in turn.reverted:
        event = _event(turn, one)
        yield f"{event.about}: {event.message}", event


def _event(turn: Turn, one: Reverted) -> Event:
    about, version = one.reversal.about, one.reversal.template_hash
    if one.error:
        words = f"version {version} isn't taken back in Git: {one.error}"
        return turn.event(about, "RevertFailed", words, warning=True)
    words = f"version {version} was taken back in Git by {one.commit[:7]}"
    return turn.event(about, "RolloutReverted", words, revision=one.commit)
