"""A turn in words: lines for the terminal and the pusher, events for the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from reconciler.apply.walk import Outcome
from reconciler.errors import ManifestError
from reconciler.loop.narrate_delivery import tell_deliveries
from reconciler.loop.narrate_reverts import tell_reverts
from reconciler.loop.turn import Turn
from reconciler.model.action import (
    AnyAction,
    PodAction,
    PrepareNode,
    Publish,
    RecordEnd,
    RemoveImages,
    RestartContainer,
    StartContainers,
    StartPod,
    StopPod,
)
from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.plan import Plan, Standing, Step, Verdict
from reconciler.printable import one_line

_REASON = {
    StartPod: "Scheduled",
    StartContainers: "Started",
    RestartContainer: "Unhealthy",
    RecordEnd: "Recorded",
    RemoveImages: "ImageGC",
    StopPod: "Killing",
    PrepareNode: "Preparing",
    Publish: "EndpointsChanged",
}
"""The event's reason when an action begins; Kubernetes' words where it has one."""

_STANDING_REASON = {
    "converged": "RolloutComplete",
    "progressing": "Progressing",
    "failed": "ProgressDeadlineExceeded",
    "blocked": "FailedScheduling",
    "paused": "RolloutPaused",
}


class Narrator:
    """Says each thing once: what is new since the last turn."""

    def __init__(self) -> None:
        self._revision = ""
        self._told: dict[Key, tuple[Standing, str]] = {}
        """What was last said of each workload: its standing, and the words."""
        self._notes: tuple[str, ...] = ()
        self._refused = ""
        self._source_error = ""

    def tell(self, turn: Turn) -> tuple[list[str], list[Event]]:
        """Lines and events, in the order in which things happened."""
        lines: list[str] = []
        events: list[Event] = []
        self._trouble(turn, lines, events)
        for outcome in turn.ended:
            told = _ended(turn, outcome)
            lines += told[0]
            events += told[1]
        for line, event in tell_reverts(turn):
            lines.append(line)
            events.append(event)
        if turn.plan is not None and turn.desired is not None:
            if turn.plan.revision != self._revision:
                self._revision = turn.plan.revision
                lines.append(f"revision {turn.desired.revision}")
            for alike in _alike(turn.begun):
                lines.append(_line(alike))
                events.append(_begun(turn, alike))
            for line, event in tell_deliveries(turn):
                lines += [line] if line else []
                events.append(event)
            self._changes(turn, turn.plan, lines, events)
        return [one_line(line) for line in lines], events

    def _trouble(self, turn: Turn, lines: list[str], events: list[Event]) -> None:
        """A revision that was refused, a source that can't be read."""
        refused = turn.refusal.revision.id if turn.refusal else ""
        if turn.refusal is not None and refused != self._refused:
            error = turn.refusal.error
            lines += [f"revision {turn.refusal.revision} is refused:", *str(error).splitlines()]
            events.append(turn.event(_FLEET, error.reason, _brief(error), warning=True, revision=refused))
        self._refused = refused
        problem = str(turn.source_error) if turn.source_error else ""
        if turn.source_error is not None and problem != self._source_error:
            lines += f"the source can't be read: {problem}".splitlines()
            events.append(turn.event(_FLEET, turn.source_error.reason, problem, warning=True))
        self._source_error = problem

    def _changes(self, turn: Turn, plan: Plan, lines: list[str], events: list[Event]) -> None:
        told = {key: (v.standing, describe(v)) for key, v in plan.verdicts.items()}
        for key, (standing, text) in told.items():
            before = self._told.get(key)
            if before == (standing, text):
                continue
            lines.append(f"{key}: {text}")
            if (before is None or before[0] != standing) and not _tells_itself(plan, key):
                warning, reason = standing in ("failed", "blocked"), _STANDING_REASON[standing]
                events.append(turn.event(key, reason, text, warning=warning, revision=plan.revision))
        self._told = told
        lines += [f"note: {n}" for n in plan.notes if n not in self._notes]
        self._notes = plan.notes


def _tells_itself(plan: Plan, key: Key) -> bool:
    """A delivery's own events say how it stands, but not that its pods find no place."""
    state = plan.progress.rollouts.get(key)
    return state is not None and state.delivery is not None and plan.verdicts[key].standing != "blocked"


def describe(verdict: Verdict) -> str:
    """`progressing: 3 of 6 pods updated, 2 available`; `paused at step 2`."""
    if verdict.message.startswith(f"{verdict.standing} "):
        return verdict.message
    counts = f"{verdict.updated} of {verdict.desired} pods updated, {verdict.available} available"
    return f"{verdict.standing}: {verdict.message or counts}"


_FLEET = Key("Fleet", "", "")


def _alike(steps: Iterable[Step]) -> Iterator[list[AnyAction]]:
    """What several nodes are told alike is said once; everything else by itself."""
    actions = (step.action for step in steps)
    for told, group in groupby(actions, lambda a: a.because if isinstance(a, Publish) else None):
        if told is None:
            yield from ([action] for action in group)
        else:
            yield list(group)


def _line(alike: list[AnyAction]) -> str:
    if len(alike) == 1:
        return str(alike[0])
    return f"{alike[0].verb} {', '.join(a.node for a in alike)}: {alike[0].because}"


def _begun(turn: Turn, alike: list[AnyAction]) -> Event:
    action, one = alike[0], len(alike) == 1
    revision = turn.plan.revision if turn.plan else ""
    return turn.event(
        _about(action) if one else _FLEET,
        _REASON[type(action)],
        _line(alike),
        warning=isinstance(action, RestartContainer),
        node=action.node if one else "",
        revision=revision,
    )


def _ended(turn: Turn, outcome: Outcome) -> tuple[list[str], list[Event]]:
    """Failures are told; of what succeeded only that a pod has started."""
    action = outcome.action
    about, node = _about(action), action.node
    if outcome.error is not None:
        found = outcome.error.message
        line = f"failed to {action.verb} {action.subject}: {outcome.error.line}"
        return [line], [turn.event(about, outcome.error.reason, found, warning=True, node=node)]
    if outcome.bug is not None:
        line = f"a bug while trying to {action.verb} {action.subject}: {outcome.bug!r}"
        return [line], [turn.event(about, "InternalError", repr(outcome.bug), warning=True, node=node)]
    if isinstance(action, StartPod):
        message = f"started on {node} in {outcome.seconds:.2f} s"
        return [], [turn.event(about, "Started", message, node=node)]
    return [], []


def _about(action: AnyAction) -> Key:
    return action.key if isinstance(action, PodAction) else Key("Node", "", action.node)


def _brief(error: Exception) -> str:
    """The first finding and how many more: an event is one line."""
    if isinstance(error, ManifestError) and len(error.findings) > 1:
        return f"{error.findings[0].message} (and {len(error.findings) - 1} more)"
    return str(error).splitlines()[0]
