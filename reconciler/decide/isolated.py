"""One object's trouble is its own: what raises in planning it is put back as it was, and said of it alone.

An exception here is a bug, or something that came through every door. It travels as a value in the plan: this
room writes no log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reconciler.decide.current import Pass
from reconciler.model.meta import Key
from reconciler.model.plan import Bug

T = TypeVar("T")


def isolated(turn: Pass, about: str, plan: Callable[[], T], otherwise: T) -> T:
    """What `plan` gives; `otherwise` if it raises, with the draft as before and the bug noted."""
    said, measures = turn.draft.size, len(turn.measures)
    try:
        return plan()
    except Exception as error:
        turn.draft.back_to(said)
        del turn.measures[measures:]
        turn.ground.forget_after(said[0])
        caught(turn, about, error)
        return otherwise


def caught(turn: Pass, about: str, error: Exception) -> None:
    bug = Bug(about, error)
    turn.bugs.append(bug)
    turn.draft.note(f"{about}: {bug}")


def as_it_was(turn: Pass, owner: Key) -> None:
    """What is remembered of a workload stays as it was before this pass."""
    turn.unsteady.add(owner)
    turn.rollouts.pop(owner, None)
    if (before := turn.before.rollouts.get(owner)) is not None:
        turn.rollouts[owner] = before
    turn.attempts.update((a.record.key, a) for a in turn.attempts_of(owner))
    turn.runs.update((key, run) for key, run in turn.before.runs.items() if run.owner == owner)
