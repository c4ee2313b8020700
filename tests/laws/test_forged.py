"""Whatever nodes say, there is a plan: nothing that one of them has ends the pass of all."""

from __future__ import annotations

import os

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.decide import decide
from reconciler.decide.origin import contents_for
from reconciler.engine.rendering.lines import renderable
from reconciler.model.action import Publish, StartPod
from reconciler.model.desired import Desired
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan
from reconciler.model.progress import Progress
from tests.decide.builders import (
    bare_pod,
    controller,
    deployment,
    desired,
    fleet,
    ingress,
    replica_set,
    rollout,
    service,
)
from tests.laws.forged import HASHES, nodes

NOW = 1_000_000.0
EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "30"))
law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
WANTED = desired(
    deployment(),
    deployment("api", replicas=1, strategy={"type": "Recreate"}),
    rollout({"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}, "x"),
    replica_set("rs"),
    controller("rc"),
    bare_pod("one"),
    of=fleet("pi-1", "pi-2", network={"enabled": True}),
    services=(
        service("web", type="LoadBalancer"),
        service("api", type="NodePort"),
        service("rs", clusterIP="None"),
    ),
    ingresses=(ingress(defaultBackend={"service": {"name": "web", "port": {"number": 80}}}),),
)
EMPTY = desired(of=WANTED.fleet)
HASH = st.one_of(HASHES, st.sampled_from([*WANTED.hashes.values()]))
REVISIONS = st.sampled_from([WANTED, EMPTY, msgspec.structs.replace(WANTED, complete=False)])


def planned(wanted: Desired, states: list[NodeState]) -> Plan:
    """Two passes: what the first one remembers is forged, too."""
    observed = Observed({state.name: state for state in states}.values())
    plan = decide(wanted, observed, Progress(), NOW)
    again = decide(wanted, observed, plan.progress, NOW + 1, plan.settled)
    assert again == decide(wanted, observed, plan.progress, NOW + 1), "the memo changes nothing"
    assert str(plan)
    return again


def check(wanted: Desired, plan: Plan) -> None:
    """Nothing that nobody wrote is started, sent to anybody, or told to a proxy."""
    for step in plan.steps:
        action = step.action
        if isinstance(action, StartPod):
            images = {c.image for c in action.record.spec.every_container()}
            assert images <= {"web:v1", "job:v1"}, step
            assert contents_for(wanted, plan.progress.runs, action) == {}
        if isinstance(action, Publish):
            assert renderable(action.traffic) == (action.traffic, ()), step


@law
@given(wanted=REVISIONS, states=st.lists(nodes(HASH, typed=True), max_size=3))
def test_what_passes_the_door_is_planned_without_a_bug(wanted: Desired, states: list[NodeState]) -> None:
    plan = planned(wanted, states)
    assert plan.bugs == ()
    check(wanted, plan)


@law
@given(wanted=REVISIONS, states=st.lists(nodes(HASH, typed=False), max_size=3))
def test_what_no_door_would_let_pass_costs_itself_alone(wanted: Desired, states: list[NodeState]) -> None:
    """There is a plan for every workload, whatever is said of any."""
    plan = planned(wanted, states)
    assert plan.verdicts.keys() == wanted.workloads.keys()
    check(wanted, plan)
