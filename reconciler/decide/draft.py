"""A plan while it is being made: steps in the order in which they are thought of, waits, notes."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.action import AnyAction, StartPod
from reconciler.model.plan import Step, Wait


class Draft:
    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._waits: dict[str, Wait] = {}
        self._notes: dict[str, None] = {}

    def act(self, action: AnyAction, after: Iterable[int] = ()) -> int:
        """Add an action behind those numbered `after`; returns its own number."""
        number = len(self._steps) + 1
        self._steps.append(Step(number=number, action=action, after=tuple(sorted(set(after)))))
        return number

    def wait(self, subject: str, because: str, until: float | None = None) -> None:
        """The earliest `until` wins when the same is said twice."""
        said = f"{subject}\n{because}"
        before = self._waits.get(said)
        if before is not None and (until is None or (before.until is not None and before.until <= until)):
            return
        self._waits[said] = Wait(subject=subject, because=because, until=until)

    def note(self, text: str) -> None:
        self._notes[text] = None

    def lead(self, actions: Iterable[tuple[AnyAction, Iterable[int]]]) -> None:
        """Put these before all others, which move up. Their own `after` counts from 1 among them."""
        first = [
            Step(number=number, action=action, after=tuple(sorted(set(after))))
            for number, (action, after) in enumerate(actions, 1)
        ]
        by = len(first)
        moved = [
            Step(number=s.number + by, action=s.action, after=tuple(n + by for n in s.after))
            for s in self._steps
        ]
        self._steps = first + moved

    def replace(self, step: Step) -> None:
        """In the place of the one of the same number."""
        self._steps[step.number - 1] = step

    def withhold(self, numbers: Iterable[int]) -> None:
        """Leave these to a later plan, and what comes after them."""
        left = set(numbers)
        kept: dict[int, int] = {}
        for step in self._steps:
            if step.number in left or not left.isdisjoint(step.after):
                left.add(step.number)
            else:
                kept[step.number] = len(kept) + 1
        self._steps = [
            Step(number=kept[s.number], action=s.action, after=tuple(kept[n] for n in s.after))
            for s in self._steps
            if s.number in kept
        ]

    def starting(self) -> set[str]:
        """The nodes that pods are started on."""
        return {s.action.node for s in self._steps if isinstance(s.action, StartPod)}

    def back_to(self, size: tuple[int, int, int]) -> None:
        """Forget what was said since it was of this `size`."""
        del self._steps[size[0] :]
        for said, most in ((self._waits, size[1]), (self._notes, size[2])):
            for key in [*said][most:]:
                del said[key]

    def without(self, kind: type[AnyAction]) -> None:
        """Take these out, and what waits for one of them."""
        out: set[int] = set()
        for step in self._steps:
            if isinstance(step.action, kind) or out.intersection(step.after):
                out.add(step.number)
        left = [step for step in self._steps if step.number not in out]
        number = {step.number: place for place, step in enumerate(left, 1)}
        self._steps = [
            Step(number=number[s.number], action=s.action, after=tuple(number[n] for n in s.after))
            for s in left
        ]

    @property
    def size(self) -> tuple[int, int, int]:
        """How much has been said: a workload that adds nothing has nothing to do."""
        return len(self._steps), len(self._waits), len(self._notes)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    @property
    def waits(self) -> tuple[Wait, ...]:
        return tuple(self._waits.values())

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)
