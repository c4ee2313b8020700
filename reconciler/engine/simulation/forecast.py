"""The whole course of a rollout: `decide`, on a simulated fleet that begins with what the real one holds.

It assumes that every program starts and becomes ready at once, so its times are the earliest possible ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import msgspec

from reconciler.decide import decide
from reconciler.decide.attempts import after_failure, after_success
from reconciler.decide.delivery.courses import courses
from reconciler.decide.diff import changes
from reconciler.decide.version import wanted_version
from reconciler.engine.simulation.assumptions import measured_well, promoted
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.errors import NodeError, UsageError
from reconciler.model.action import AnyAction, Publish, RestartContainer, StartContainers, StartPod, StopPod
from reconciler.model.base import Value
from reconciler.model.desired import Desired
from reconciler.model.duration import human_duration
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan, Settled, Standing, Step
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision

MOST_PASSES = 10_000
"""A course that is longer than this is one that doesn't end."""
LONGEST_S = 14 * 86400.0
"""How far it looks ahead: longer than the pauses that people write."""


class Wave(Value):
    """What is done at one time, `at` seconds from now at the earliest; `because` is what it waited for."""

    at: float
    plan: Plan
    because: str = ""


class Forecast(Value):
    """`waves` in order. `standing` is the fleet's at the end, `messages` what holds up the workloads then.

    `at` (seconds from now) is when that end is reached at the earliest.
    """

    revision: Revision
    waves: tuple[Wave, ...]
    standing: Standing
    at: float = 0.0
    messages: dict[Key, str] = {}
    notes: tuple[str, ...] = ()
    fields: dict[Key, tuple[str, ...]] = {}
    courses: dict[Key, tuple[str, ...]] = {}
    """Of what is delivered step by step: its steps to come, with weights, pauses and judgements."""

    @property
    def changes(self) -> bool:
        """There is something to do."""
        return bool(self.waves)

    def __str__(self) -> str:
        lines = [f"revision {self.revision}"]
        for key, steps in self.courses.items():
            lines += [f"{key}, step by step:", *(f"  {step}" for step in steps)]
        for before, wave in zip((None, *self.waves), self.waves, strict=False):
            lines += [_heading(before, wave), *(f"  {s}" for s in _lines(wave.plan.steps))]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, self._end()])

    def diff(self) -> str:
        """The fields that changed, by workload; "" when none did. No content of a Secret."""
        return "\n".join(
            f"{key}\n" + "\n".join(f"  {x}" for x in lines) for key, lines in self.fields.items()
        )

    def as_json(self) -> str:
        """One object: revision, waves (at, because, steps, waits), standing, at, messages, notes, fields,
        courses.
        """
        whole = {
            "revision": self.revision,
            "standing": self.standing,
            "at": self.at,
            "waves": [_wave_json(w) for w in self.waves],
            "messages": {str(k): v for k, v in self.messages.items()},
            "notes": self.notes,
            "fields": {str(k): v for k, v in self.fields.items()},
            "courses": {str(k): v for k, v in self.courses.items()},
        }
        return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()

    def _end(self) -> str:
        if not self.waves and self.standing == "converged":
            return "nothing to do: the fleet is as this revision wants it"
        late = f" after {human_duration(self.at)} at the earliest" if self.at >= 1 else ""
        ends = [f"  {key}: {text}" for key, text in self.messages.items()]
        return "\n".join([f"in the end{late}: {self.standing}; {_sum(self.waves)}", *ends])


def forecast(
    desired: Desired, observed: Observed, progress: Progress, now: float, *, limit: float = LONGEST_S
) -> Forecast:
    """Decide, do, wait, until the fleet converges or nothing more can come; `limit` seconds at most."""
    fleet = SimulatedFleet.from_observed(desired.fleet, observed, now)
    course = _Course(desired, fleet, progress, now)
    while course.passes < MOST_PASSES:
        following = course.step()
        if following is None or following - now > limit:
            break
        course.at = following
    return course.told()


class _Course:
    """A forecast while it is being made."""

    def __init__(self, desired: Desired, fleet: SimulatedFleet, progress: Progress, now: float) -> None:
        self._desired, self._fleet, self._progress = desired, fleet, progress
        self._observed = fleet.observe(now)
        self._now = self.at = now
        self._before = progress
        self._waves: list[Wave] = []
        self._settled: Settled | None = None
        self._waited_for = ""
        self._plan = Plan(revision=desired.revision.id)
        self.passes = 0

    def step(self) -> float | None:
        """One pass; returns when the next one is due (epoch seconds), None when this was the last."""
        self.passes += 1
        plan = decide(self._desired, self._fleet.observe(self.at), self._progress, self.at, self._settled)
        self._plan, self._settled, self._progress = plan, plan.settled, plan.progress
        self._progress = measured_well(self._progress, plan, self.at)
        if plan.steps:
            wave = Wave(at=self.at - self._now, plan=plan, because=self._waited_for)
            self._waves.append(wave)
            self._waited_for = ""
            self._perform(plan.steps)
            return self.at
        if self._progress is not plan.progress:
            return self.at
        if plan.standing == "converged":
            return None
        moments = [m for m in (plan.wake_at, self._fleet.next_change(self.at)) if m is not None]
        following = min((m for m in moments if m > self.at), default=None)
        if following is None:
            return self._promote()
        self._waited_for = _waited(plan, following)
        return following

    def _promote(self) -> float | None:
        """Nothing more comes by itself: what waits for somebody is promoted."""
        self._progress, found = promoted(self._progress, self._desired, self.at)
        self._waited_for = f"once somebody promotes {', '.join(map(str, found))}"
        return self.at if found else None

    def _perform(self, steps: tuple[Step, ...]) -> None:
        failed: set[int] = set()
        for step in steps:
            if failed.isdisjoint(step.after) and self._done(step.action):
                continue
            failed.add(step.number)

    def _done(self, action: AnyAction) -> bool:
        try:
            self._fleet.perform(action, self.at)
        except NodeError as error:
            if isinstance(action, StartPod):
                self._progress = after_failure(self._progress, action, error.reason, error.message, self.at)
            return False
        if isinstance(action, StartPod):
            self._progress = after_success(self._progress, action.key)
        return True

    def told(self) -> Forecast:
        verdicts = self._plan.verdicts.items()
        return Forecast(
            revision=self._desired.revision,
            waves=tuple(self._waves),
            standing=self._plan.standing,
            at=self.at - self._now,
            messages={k: f"{v.standing}: {v.message}" for k, v in verdicts if v.standing != "converged"},
            notes=tuple(dict.fromkeys(n for p in self._plans() for n in p.notes)),
            fields=changed_fields(self._desired, self._observed),
            courses=courses(self._desired, self._before),
        )

    def _plans(self) -> list[Plan]:
        return [*(w.plan for w in self._waves), self._plan]


def changed_fields(desired: Desired, observed: Observed) -> dict[Key, tuple[str, ...]]:
    """For each workload whose running pods are of another version: a line for each field that changed."""
    found: dict[Key, tuple[str, ...]] = {}
    for key in desired.workloads:
        pods = observed.by_owner.get(key, ())
        old = next((p.record for p in pods if p.record.template_hash != desired.hashes[key]), None)
        if old is not None:
            found[key] = changes(old, wanted_version(desired, key))
    return found


def without_node(observed: Observed, name: str, now: float) -> Observed:
    """The same fleet with `name` lost for so long that its pods are given up: "what if it dies?"."""
    state = observed.nodes.get(name)
    if state is None:
        names = ", ".join(observed.nodes) or "none"
        raise UsageError(f'there is no node "{name}"', remedy=f"the nodes are: {names}")
    lost = msgspec.structs.replace(state, reachable=False, lost_since=min(0.0, now), reason="NodeLost")
    return observed.with_node(lost)


def _wave_json(wave: Wave) -> dict[str, object]:
    plan = wave.plan
    return {"at": wave.at, "because": wave.because, "steps": plan.steps, "waits": plan.waits}


def _waited(plan: Plan, until: float | None) -> str:
    return next((str(w) for w in plan.waits if w.until is not None and w.until == until), "")


def _heading(before: Wave | None, wave: Wave) -> str:
    if wave.because.startswith("once "):
        return f"then, {wave.because}:"
    if wave.because:
        return f"then, in {human_duration(wave.at)} at the earliest ({wave.because}):"
    if before is None:
        return "now:"
    started = any(isinstance(s.action, StartPod | StartContainers) for s in before.plan.steps)
    if started:
        return "then, once what was started is ready:"
    stopped = any(isinstance(s.action, StopPod | RestartContainer) for s in before.plan.steps)
    return "then, as those go:" if stopped else "then, once that is done:"


def _lines(steps: tuple[Step, ...]) -> Iterator[str]:
    """A line for each step; what several nodes are told alike is one: `#1-#2 publish pi-1, pi-2: ...`."""
    for _, alike in groupby(steps, _told_alike):
        group = list(alike)
        if len(group) == 1:
            yield str(group[0])
        else:
            nodes = ", ".join(s.action.node for s in group)
            yield f"#{group[0].number}-#{group[-1].number} publish {nodes}: {group[0].action.because}"


def _told_alike(step: Step) -> object:
    return step.action.because if isinstance(step.action, Publish) and not step.after else step.number


_COUNTED = {StartPod: "start", StopPod: "stop", RestartContainer: "restart", StartContainers: "continue"}


def _sum(waves: tuple[Wave, ...]) -> str:
    """`4 pods start, 4 stop`."""
    counts: dict[str, int] = {}
    for action in (s.action for w in waves for s in w.plan.steps):
        if (word := _COUNTED.get(type(action))) is not None:
            counts[word] = counts.get(word, 0) + 1
    parts = [f"{counts[word]} {word}" for word in _COUNTED.values() if word in counts]
    return f"pods: {', '.join(parts)}" if parts else "no pod is touched"
