"""One spelling for one meaning: what a pod becomes on Docker is the same for all of its spellings."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.model.canonical import amount, canonical
from reconciler.model.placement import Affinity, NodeAffinity, NodeSelectorTerm, PreferredSchedulingTerm
from reconciler.model.pod import PodSpec
from tests.engine.pods import record


def spec(pod: dict[str, object], container: dict[str, object] | None = None) -> PodSpec:
    return record("web", {"containers": [{"name": "app", "image": "i:1", **(container or {})}], **pod}).spec


@pytest.mark.parametrize(
    ("given", "shortest"),
    [
        ("1000m", "1"), (1, "1"), (1.0, "1"), (0.5, "500m"), ("0.1", "100m"), ("1500m", "1500m"), ("0", "0"),
        ("1000M", "1G"), ("1G", "1G"), ("1024Mi", "1Gi"), ("128Mi", "128Mi"), ("134217728", "128Mi"),
        ("512M", "512M"), ("1e3", "1k"), ("0.1n", "0.1n"), ("1e-12", "1e-12"), ("9" * 40, str(2**63 - 1)),
        ("x", "x"),
    ],
)  # fmt: skip
def test_an_amount_has_one_spelling(given: str | float, shortest: str) -> None:
    assert amount(given) == shortest
    assert amount(shortest) == shortest


def test_a_canonical_spec_is_one_that_can_be_read_and_stays() -> None:
    pod = {
        "hostNetwork": True,
        "volumes": [{"name": "b", "emptyDir": {"sizeLimit": "1024Mi"}}, {"name": "a", "emptyDir": {}}],
        "tolerations": [{"key": "b", "operator": "Exists"}, {"key": "a", "operator": "Exists"}],
    }
    container = {
        "ports": [{"containerPort": 81, "hostPort": 81}, {"containerPort": 80}],
        "resources": {"limits": {"cpu": "1000m"}, "requests": {"cpu": 1, "memory": "1024Ki"}},
        "securityContext": {"capabilities": {"add": ["CAP_KILL", "chown", "KILL"]}},
        "readinessProbe": {"httpGet": {"port": 80, "path": "x"}},
    }
    found = canonical(spec(pod, container))
    assert found["containers"][0]["resources"] == {"limits": {"cpu": "1"}, "requests": {"memory": "1Mi"}}
    assert found["containers"][0]["ports"] == [{"containerPort": 80}, {"containerPort": 81}]
    assert found["containers"][0]["securityContext"] == {"capabilities": {"add": ["CHOWN", "KILL"]}}
    assert canonical(msgspec.convert(found, PodSpec)) == found


def test_a_preference_twice_weighs_twice() -> None:
    term = PreferredSchedulingTerm(weight=1, preference=NodeSelectorTerm())

    def preferring(*terms: PreferredSchedulingTerm) -> PodSpec:
        node = NodeAffinity(preferred_during_scheduling_ignored_during_execution=terms)
        return msgspec.structs.replace(spec({}), affinity=Affinity(node_affinity=node))

    assert canonical(preferring(term)) != canonical(preferring(term, term))
