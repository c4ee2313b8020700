"""Analyses that measure with Jobs: the template, how their pods end, and what must hold of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from reconciler.decide.survey import NodeView
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.model.action import StopPod
from reconciler.model.delivery import ENDED
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from tests.decide.builders import analysis_template

IMAGE = "job:v1"
_POD = {
    "metadata": {"labels": {"app": "smoke"}},
    "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": IMAGE}]},
}
BY_JOB = analysis_template(
    "smoke",
    {
        "name": "good",
        "interval": "40s",
        "count": 2,
        "failureLimit": 1,
        "provider": {"job": {"spec": {"template": _POD, "backoffLimit": 1, "activeDeadlineSeconds": 60}}},
    },
)


def set_pace(fleet: SimulatedFleet, mood: str) -> None:
    """How Jobs that are started from now on fare."""
    how = fleet.behaviour
    ends = {} if mood == "never" else {IMAGE: 30.0 if mood == "late" else 3.0}
    missing = how.missing | {IMAGE} if mood == "unclear" else how.missing - {IMAGE}
    fleet.behaviour = msgspec.structs.replace(how, completes=ends, missing=missing)


def end_badly(fleet: SimulatedFleet, now: float) -> None:
    """Every Job that runs ends with 1."""
    for machine in fleet.machines.values():
        for key, pod in machine.pods.items():
            if pod.record.owner.kind == "AnalysisRun" and not pod.at(now).busy:
                fleet.kill_container(machine.name, key, "main", now, code=1)


def check_jobs(plan: Plan, observed: Observed, views: Mapping[str, NodeView]) -> None:
    """One pod at a time measures, and none stays once its run is over."""
    stopped = {(s.action.node, s.action.key) for s in plan.steps if isinstance(s.action, StopPod)}
    for owner, pods in observed.by_owner.items():
        if owner.kind != "AnalysisRun":
            continue
        here = [p for p in pods if views[p.node].status == "ready" and not p.terminating and not p.busy]
        run = plan.progress.runs.get(owner)
        for pod in here if run is None or run.phase in ENDED else ():
            assert (pod.node, pod.key) in stopped, f"{pod.record.name} stays\n{plan}"
        live = Counter(p.phase in ("Pending", "Running") for p in here if (p.node, p.key) not in stopped)
        assert live[True] <= 1, f"{owner} measures twice at a time\n{plan}"
