"""Where pods go, and the sentence when they can't."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide import decide
from reconciler.decide.schedule.address import pod_ip
from reconciler.decide.schedule.labels import node_labels
from reconciler.decide.schedule.requests import HostPort, requests_of
from reconciler.engine.simulation.simulated import FACTS, SimulatedFleet
from reconciler.model.action import PrepareNode, StartPod
from reconciler.model.fleet import Fleet, NodeSpec
from reconciler.model.kinds import Workload
from reconciler.model.observed import NodeFacts, NodeState
from reconciler.model.plan import Plan
from reconciler.model.progress import Progress
from tests.decide.builders import bare_pod, deployment, desired, fleet

SMALL = msgspec.structs.replace(FACTS, cpu_milli=1000, memory=512 * 2**20)
ARM = msgspec.structs.replace(FACTS, architecture="arm64")


def plan(*workloads: Workload, of: Fleet | None = None, facts: dict[str, NodeFacts] | None = None) -> Plan:
    wanted = desired(*workloads, of=of)
    simulated = SimulatedFleet(wanted.fleet, facts=facts)
    return decide(wanted, simulated.observe(0.0), Progress(), 0.0)


def placed(found: Plan) -> list[str]:
    return [s.action.node for s in found.steps if isinstance(s.action, StartPod)]


def needs(**requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests}}


def test_spread_first_then_the_least_loaded() -> None:
    found = plan(deployment(replicas=4), deployment("zed", replicas=1))
    assert placed(found) == ["pi-1", "pi-2", "pi-3", "pi-1", "pi-2"]
    roomy = {"pi-1": SMALL, "pi-2": SMALL}
    assert placed(plan(deployment(replicas=1, container=needs(memory="64Mi")), facts=roomy)) == ["pi-1"]
    busy = plan(
        deployment("a", replicas=1, container=needs(memory="400Mi")),
        deployment("b", replicas=1, container=needs(memory="64Mi")),
        facts=roomy,
    )
    assert placed(busy) == ["pi-1", "pi-2"]


@pytest.mark.parametrize(
    ("pod", "container", "nodes", "sentence"),
    [
        (
            {},
            needs(memory="1Gi"),
            fleet(),
            "0/3 nodes fit: 3 lack memory (want 1Gi, most free 512Mi)",
        ),
        ({}, needs(cpu="1500m"), fleet(), "0/3 nodes fit: 3 lack CPU (want 1500m, most free 1)"),
        (
            {"nodeSelector": {"kubernetes.io/arch": "arm64"}},
            {},
            fleet(),
            "0/3 nodes fit: 3 amd64, not arm64",
        ),
        (
            {"nodeSelector": {"disk": "ssd"}},
            {},
            fleet({"name": "pi-1", "unschedulable": True}, "pi-2"),
            "0/2 nodes fit: 1 cordoned, 1 without the label disk=ssd",
        ),
        (
            {},
            {},
            fleet({"name": "pi-1", "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}),
            "0/1 nodes fit: 1 tainted gpu=yes:NoSchedule",
        ),
        ({"nodeName": "pi-9"}, {}, fleet(), "0/3 nodes fit: 3 not named pi-9"),
        (
            {},
            needs(**{"nvidia.com/gpu": "1"}),
            fleet(),
            "0/3 nodes fit: 3 lack nvidia.com/gpu (want 1, most free 0)",
        ),
        (
            {},
            {"ports": [{"containerPort": 80, "hostPort": 80}]},
            fleet("pi-1"),
            "1 of 2 pods have no place: 0/1 nodes fit: 1 have host port 80 in use",
        ),
    ],
)
def test_why_there_is_no_place(pod: Any, container: Any, nodes: Fleet, sentence: str) -> None:
    count = 2 if "of 2" in sentence else 1
    facts = {n.name: SMALL for n in nodes.spec.nodes}
    found = plan(deployment(replicas=count, pod=pod, container=container), of=nodes, facts=facts)
    (verdict,) = found.verdicts.values()
    assert sentence in str(found)
    assert count == 2 or (verdict.standing, verdict.message) == ("blocked", sentence)


def test_a_toleration_and_a_label_open_a_node() -> None:
    of = fleet(
        {"name": "pi-1", "taints": [{"key": "gpu", "effect": "NoSchedule"}], "labels": {"disk": "ssd"}},
        "pi-2",
    )
    pod = {"tolerations": [{"key": "gpu", "operator": "Exists"}], "nodeSelector": {"disk": "ssd"}}
    assert placed(plan(deployment(replicas=2, pod=pod), of=of)) == ["pi-1", "pi-1"]


def test_a_discouraged_node_is_the_last_choice() -> None:
    of = fleet({"name": "pi-1", "taints": [{"key": "slow", "effect": "PreferNoSchedule"}]}, "pi-2")
    assert placed(plan(deployment(replicas=2), of=of)) == ["pi-2", "pi-2"]


def test_node_affinity() -> None:
    def affinity(operator: str, value: str) -> dict[str, Any]:
        term = {"matchExpressions": [{"key": "rank", "operator": operator, "values": [value]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        return {"affinity": {"nodeAffinity": required}}

    of = fleet(*({"name": f"pi-{n}", "labels": {"rank": str(n)}} for n in (1, 2, 3)))
    assert placed(plan(deployment(replicas=1, pod=affinity("Gt", "2")), of=of)) == ["pi-3"]
    assert placed(plan(deployment(replicas=1, pod=affinity("Lt", "2")), of=of)) == ["pi-1"]
    assert placed(plan(deployment(replicas=1, pod=affinity("In", "2")), of=of)) == ["pi-2"]
    term = {
        "weight": 5,
        "preference": {"matchExpressions": [{"key": "rank", "operator": "In", "values": ["3"]}]},
    }
    preferred = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert placed(plan(deployment(replicas=1, pod={"affinity": preferred}), of=of)) == ["pi-3"]


def test_pods_that_keep_apart_and_pods_that_stay_together() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    found = plan(deployment(replicas=4, pod=apart))
    assert placed(found) == ["pi-1", "pi-2", "pi-3"]
    assert "1 of 4 pods have no place: 0/3 nodes fit: 3 taken, by its podAntiAffinity" in str(found)
    near = {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    assert placed(plan(deployment(replicas=1), deployment("zed", replicas=2, pod=near))) == [
        "pi-1",
        "pi-1",
        "pi-1",
    ]
    assert "without the pod that its podAffinity wants" in str(plan(deployment("zed", replicas=1, pod=near)))
    mutual = plan(deployment("api", replicas=1, pod=apart), deployment(replicas=3))
    assert placed(mutual)[0] not in placed(mutual)[1:], "anti-affinity holds for those who come later, too"


def test_spread_over_zones() -> None:
    of = fleet(
        *({"name": n, "labels": {"zone": z}} for n, z in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")))
    )
    rule = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    found = placed(plan(deployment(replicas=4, pod={"topologySpreadConstraints": [rule]}), of=of))
    assert sorted(n[0] for n in found) == ["a", "a", "b", "b"]


def test_requests_follow_kubernetes_rule_for_init_containers() -> None:
    def init(memory: str, **fields: Any) -> dict[str, Any]:
        return {
            "name": f"i{memory}".lower(),
            "image": "x",
            "resources": {"requests": {"memory": memory}},
            **fields,
        }

    early = [init("100Mi"), init("10Mi", restartPolicy="Always"), init("200Mi")]
    spec = bare_pod(container=needs(memory="50Mi"), initContainers=early).spec
    assert requests_of(spec).memory == 210 * 2**20
    limits = bare_pod(container={"resources": {"limits": {"cpu": "2"}}}).spec
    assert requests_of(limits).cpu == 2000


def test_host_ports_clash_where_their_addresses_meet() -> None:
    every, one = HostPort(port=80, protocol="TCP", ip=""), HostPort(port=80, protocol="TCP", ip="10.0.0.1")
    assert every.clashes(one)
    assert not one.clashes(HostPort(port=80, protocol="TCP", ip="10.0.0.2"))
    assert not every.clashes(HostPort(port=80, protocol="UDP", ip=""))


def test_a_node_gets_its_slice_before_its_first_pod() -> None:
    found = plan(
        deployment(replicas=2), of=fleet("pi-1", network={"podCIDR": "10.9.0.0/24", "sliceBits": 28})
    )
    prepare, first, second = found.steps
    assert isinstance(prepare.action, PrepareNode)
    assert first.after == second.after == (prepare.number,)
    assert isinstance(first.action, StartPod)
    assert first.action.record.ip.startswith("10.9.0.")


def test_addresses_never_collide_and_leave_the_reserved_ones() -> None:
    taken: set[str] = set()
    for number in range(13):
        taken.add(pod_ip("10.9.0.16/28", "default", f"web-{number}", taken))
    assert len(taken) == 13
    assert not taken & {"10.9.0.16", "10.9.0.17", "10.9.0.31"}
    with pytest.raises(ValueError, match="no free pod address"):
        pod_ip("10.9.0.16/28", "default", "web-13", taken)


def test_slices_differ_and_observed_ones_win() -> None:
    of = fleet(*(f"n{i}" for i in range(16)), network={"podCIDR": "10.9.0.0/24", "sliceBits": 28})
    found = plan(deployment(replicas=16), of=of)
    slices = [s.action.pod_cidr for s in found.steps if isinstance(s.action, PrepareNode)]
    assert len(set(slices)) == 16


def test_labels_of_a_node() -> None:
    spec = NodeSpec(name="pi-1", address="ssh://pi@host", labels={"zone": "attic"})
    assert node_labels(spec, NodeState(name="pi-1", reachable=True, facts=ARM)) == {
        "beta.kubernetes.io/arch": "arm64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64",
        "kubernetes.io/hostname": "pi-1",
        "kubernetes.io/os": "linux",
        "zone": "attic",
    }


@pytest.mark.parametrize(("free", "place"), [(None, 1), (2**30, 1), (2**29, 0), (0, 0)])
def test_a_full_disk_has_no_room_and_an_unknown_one_is_not_full(free: int | None, place: int) -> None:
    facts = {"pi-1": msgspec.structs.replace(SMALL, disk_free=free)}
    container = needs(**{"ephemeral-storage": "1Gi"})
    found = plan(deployment(replicas=1, container=container), of=fleet("pi-1"), facts=facts)
    assert len(placed(found)) == place
