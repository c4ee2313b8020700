"""A plan: what to do now, what is being waited for, and what can't be done. A plan is text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from reconciler.model.action import AnyAction
from reconciler.model.analysis import Argument, Metric
from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.progress import Progress

Standing = Literal["converged", "progressing", "failed", "blocked", "paused"]


class Step(Value):
    """One action, its number in the plan (from 1), and the numbers of those that must succeed first."""

    number: int
    action: AnyAction
    after: tuple[int, ...] = ()

    def __str__(self) -> str:
        act = self.action
        order = f" after {', '.join(_runs(self.after))}" if self.after else ""
        return f"#{self.number} {act.verb} {act.subject}{order}: {act.because}"


def _runs(numbers: Sequence[int]) -> Iterator[str]:
    """`#1, #2, #5` as they are; three and more in a row as `#1-#3`."""
    first = 0
    for index, number in enumerate(numbers):
        if index + 1 < len(numbers) and numbers[index + 1] == number + 1:
            continue
        run = numbers[first : index + 1]
        if len(run) > 2:
            yield f"#{run[0]}-#{run[-1]}"
        else:
            yield from (f"#{n}" for n in run)
        first = index + 1


class Wait(Value):
    """Something that only time or a node can bring. `until` (epoch seconds) is when to look again."""

    subject: str
    because: str
    until: float | None = None

    def __str__(self) -> str:
        return f"wait for {self.subject}: {self.because}"


class Verdict(Value):
    """How one workload stands against what is wanted of it. Counts are pods of the wanted number.

    `asks`: it is paused until somebody says how to go on.
    """

    standing: Standing
    message: str = ""
    desired: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    total: int = 0
    asks: bool = False


class Measure(Value):
    """A measurement to be made now, for metric `metric.name` of the AnalysisRun `run`; it is `number` times
    that it was measured before. `canary` and `stable` are the names of the pods of both versions, `services`
    those that lead to them, in the run's namespace. `args` has what comes from Secrets: references.
    `interval` (seconds) is about how long ago the last one was, or how long to look if there was none.
    """

    run: Key
    metric: Metric
    number: int
    args: tuple[Argument, ...] = ()
    canary: tuple[str, ...] = ()
    stable: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    interval: float = 0.0

    def __str__(self) -> str:
        return f"measure {self.metric.name} of {self.run}"


class Measured(Value):
    """How a measurement came out: `value` as JSON, or what went wrong in `error`. `lacking`: why there was
    nothing to judge by. Times in seconds since the epoch. Never with a secret's value in it. `asked`: what
    was measured, as it stood in the `Measure`.
    """

    run: Key
    metric: str
    number: int
    started_at: float
    finished_at: float
    value: str = ""
    error: str = ""
    lacking: str = ""
    asked: Metric | None = None


class Bug(NamedTuple):
    """What nobody expected: an exception in planning what is about `about`. All else is planned as ever."""

    about: str
    error: Exception

    def __str__(self) -> str:
        """Without what the exception says at length: it could be anything."""
        said = ascii(str(self.error))[1:-1]
        kind = type(self.error).__name__
        return f"internal error: {kind}: {said[:160]}; this is a bug, please report it"


class Settled:
    """What a pass may take over from the one before. Opaque: `decide` makes it, `decide` reads it."""

    __slots__ = ()


class Plan(Value, dict=True):
    """Up to the next wait. `progress` is to be recorded before the first step is taken.

    `standing` is the fleet's: converged when every workload is, failed or blocked when one is and none
    progresses. `notes` say what was held back on purpose (a prune that was refused) and why.
    """

    revision: str
    steps: tuple[Step, ...] = ()
    waits: tuple[Wait, ...] = ()
    notes: tuple[str, ...] = ()
    verdicts: dict[Key, Verdict] = {}
    progress: Progress = Progress()
    standing: Standing = "converged"
    measures: tuple[Measure, ...] = ()
    """Asked for again in every plan until they have been made."""

    @property
    def settled(self) -> Settled | None:
        """The memo for the next pass. Beside the fields: never in JSON, text or comparisons."""
        memo: Settled | None = self.__dict__.get("_settled")
        return memo

    @property
    def bugs(self) -> tuple[Bug, ...]:
        """Beside the fields, too: the loop writes their traces into the log."""
        found: tuple[Bug, ...] = self.__dict__.get("_bugs", ())
        return found

    def remember(self, memo: Settled, bugs: tuple[Bug, ...] = ()) -> Plan:
        """This plan, with `settled` and `bugs` set."""
        self.__dict__["_settled"], self.__dict__["_bugs"] = memo, bugs
        return self

    @property
    def wake_at(self) -> float | None:
        """When to decide again if nothing else happens; None: not because of time."""
        return min((w.until for w in self.waits if w.until is not None), default=None)

    @property
    def goes_on(self) -> bool:
        """More is to come by itself: something progresses, or pauses for a time, however the others stand."""
        for_a_time = (v.standing == "paused" and not v.asks for v in self.verdicts.values())
        return self.standing == "progressing" or any(for_a_time)

    def __str__(self) -> str:
        lines = [
            *map(str, self.steps),
            *map(str, self.measures),
            *map(str, self.waits),
            *(f"note: {n}" for n in self.notes),
        ]
        return "\n".join(lines) if lines else "nothing to do"
