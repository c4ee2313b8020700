"""What nodes can hold, as `validate` and the scheduler count it: the two must agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.decide import decide
from reconciler.manifests.load import load_tree
from reconciler.manifests.rules.inventory import check
from reconciler.model.capacity import ANNOTATION, capacity_of, offered, pair
from reconciler.model.fleet import Fleet
from reconciler.model.observed import NodeFacts, NodeState, Observed
from reconciler.model.progress import Progress
from reconciler.model.workload import Deployment
from tests.decide.builders import desired, fleet
from tests.manifests.build import deployment, lines

STICK = "example.com/stick"
LIMITS = "spec.template.spec.containers[0].resources.limits"


def home(text: str) -> Fleet:
    return fleet({"name": "pi-1"}, {"name": "pi-2", "annotations": {ANNOTATION: text}})


@pytest.mark.parametrize(
    ("text", "fits", "why"),
    [
        (f"{STICK}=1", True, ""),
        (f"nvidia.com/gpu=1, {STICK}=2", True, ""),
        (f"{STICK}=0", False, "no node offers it"),
        ("nvidia.com/gpu=1", False, "no node offers it"),
    ],
)
def test_the_scheduler_places_what_validate_lets_pass(
    tmp_path: Path, text: str, fits: bool, why: str
) -> None:
    inventory = home(text)
    (tmp_path / "a.yaml").write_text(deployment(container=f"resources: {{limits: {{{STICK}: 1}}}}"))
    loaded = load_tree(tmp_path, fleet=inventory)
    note, *errors = lines(loaded)
    assert note.startswith(f"{LIMITS}[{STICK}]: note: is counted")
    assert errors == ([] if fits else [f"{LIMITS}[{STICK}]: wants 1, and {why}"])
    workload = loaded.objects[0]
    assert isinstance(workload, Deployment)
    seen = Observed(
        NodeState(name=n, reachable=True, facts=NodeFacts(cpu_milli=4000, memory=2**33))
        for n in ("pi-1", "pi-2")
    )
    plan = decide(desired(workload, of=inventory), seen, Progress(), 0.0)
    assert any(step.action.node == "pi-2" for step in plan.steps) == fits


def test_more_than_any_node_has(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(deployment(container=f"resources: {{limits: {{{STICK}: 3}}}}"))
    _, error = lines(load_tree(tmp_path, fleet=home(f"{STICK}=2")))
    assert error == f"{LIMITS}[{STICK}]: wants 3, and the most that a node has is 2"


def test_a_node_that_may_not_be_chosen_does_not_count(tmp_path: Path) -> None:
    text = deployment("nodeName: pi-1", container=f"resources: {{limits: {{{STICK}: 1}}}}")
    (tmp_path / "a.yaml").write_text(text)
    assert lines(load_tree(tmp_path, fleet=home(f"{STICK}=2")))[-1].endswith("no node offers it")


@pytest.mark.parametrize(
    "part", ["stick=1", STICK, f"{STICK}=", f"{STICK}=-1", f"{STICK}=1Gi", f"{STICK}=²", ""]
)
def test_an_annotation_that_says_nothing_is_an_error(part: str) -> None:
    assert pair(part) is None
    (said,) = [s for s in check(home(f"{STICK}=1,{part}")) if s.rule == "resources"]
    assert said.path == ("spec", "nodes", 1, "annotations", ANNOTATION)
    assert offered(home(f"{STICK}=1,{part}").spec.nodes[1]) == {STICK: 1}


def test_a_node_that_has_not_told_has_no_capacity() -> None:
    found = capacity_of({"a": NodeFacts(), "b": NodeFacts(cpu_milli=1000, memory=2**30)})
    assert found == {"b": (1000, 2**30)}
