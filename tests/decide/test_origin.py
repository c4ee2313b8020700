"""Labels say what is there, never what is allowed: what a pod is made from, and what a node is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide import decide
from reconciler.decide.origin import contents_for
from reconciler.decide.version import wanted_version
from reconciler.model.action import Publish, StartPod, StopPod
from reconciler.model.config import Secret
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, NodeState, Observed, PodRecord, PodState
from reconciler.model.plan import Plan
from reconciler.model.pod import PodSpec
from reconciler.model.progress import Attempt, Progress, RolloutState
from reconciler.model.revision import Revision
from reconciler.model.traffic import Certificate, IngressTraffic
from tests.decide.builders import WEB, bare_pod, deployment, desired, fleet, ingress, replica_set
from tests.decide.network.worlds import networked, running, told

NOW = 1000.0
CIDR = "10.42.1.0/24"
STOLEN = msgspec.convert(
    {
        "containers": [
            {"name": "app", "image": "web:v1", "envFrom": [{"secretRef": {"name": "root"}}]},
            {"name": "more", "image": "evil:v1", "securityContext": {"privileged": True}},
        ],
        "volumes": [{"name": "v", "secret": {"secretName": "tls"}}],
        "imagePullSecrets": [{"name": "login"}],
    },
    PodSpec,
)


def secret(name: str, namespace: str = "default", **data: str) -> Secret:
    meta = {"name": name, "namespace": namespace}
    whole = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data or {"k": "v"}}
    return msgspec.convert(whole, Secret)


def alone(workload: Workload, **more: Any) -> Desired:
    return desired(workload, of=more.pop("of", None) or fleet("pi-1"), **more)


def claimed(wanted: Desired, key: Key, **forged: Any) -> PodRecord:
    """What a volume on the node says there is of `key`, with what somebody has changed in its labels."""
    name = forged.pop("name", f"{key.name}-0" if key.kind != "Pod" else key.name)
    record = wanted_version(wanted, key).record(key, name, "pi-1", "10.42.1.7")
    return msgspec.structs.replace(record, **forged)


def planned(wanted: Desired, record: PodRecord, progress: Progress | None = None, **pod: Any) -> Plan:
    """With a pod on pi-1 of which there is nothing but a volume, or a container that was never made."""
    half = PodState(record=record, **pod)
    node = NodeState(name="pi-1", reachable=True, pod_cidr=CIDR, pods=(half,))
    return decide(wanted, Observed([node]), progress or Progress(), NOW)


def starts(plan: Plan) -> list[PodRecord]:
    return [s.action.record for s in plan.steps if isinstance(s.action, StartPod)]


def stops(plan: Plan) -> list[str]:
    return [s.action.because for s in plan.steps if isinstance(s.action, StopPod)]


@pytest.mark.parametrize("made_of", [deployment(replicas=1), replica_set("rs", replicas=1), bare_pod()])
def test_a_half_made_pod_is_completed_from_its_manifest(made_of: Workload) -> None:
    wanted = alone(made_of)
    record = claimed(wanted, made_of.key, spec=STOLEN, annotations={"x": "y"}, labels={"app": "bank"})
    (start,) = starts(planned(wanted, record))
    assert start == claimed(wanted, made_of.key)


def test_also_one_whose_start_failed() -> None:
    wanted = alone(deployment(replicas=1))
    genuine = claimed(wanted, WEB)
    attempt = Attempt(record=genuine, count=1, reason="Conflict", message="", first_at=NOW, retry_at=NOW)
    before = Progress(attempts={genuine.key: attempt})
    (start,) = starts(planned(wanted, msgspec.structs.replace(genuine, spec=STOLEN), before))
    assert start == genuine


@pytest.mark.parametrize("made_of", [deployment(replicas=1), replica_set("rs", replicas=1)])
def test_one_of_which_no_manifest_tells_makes_room(made_of: Workload) -> None:
    """A ReplicaSet's pods of an earlier template, too: they run on, but aren't completed."""
    wanted = alone(made_of)
    record = claimed(wanted, made_of.key, template_hash="0123456789", spec=STOLEN)
    plan = planned(wanted, record)
    assert all(s.spec != STOLEN for s in starts(plan))
    (because,) = stops(plan)
    assert made_of.key.kind == "Deployment" or because == (
        "it has no container yet, and no manifest that is known has its version 0123456789"
    )


@pytest.mark.parametrize("prune", [{"enabled": False}, {"enabled": True}])
def test_one_whose_workload_is_gone_is_never_completed(prune: dict[str, Any]) -> None:
    other = alone(bare_pod("other"), of=fleet("pi-1", prune=prune))
    record = claimed(alone(deployment()), WEB, spec=STOLEN)
    plan = planned(other, record)
    assert [r.name for r in starts(plan)] == ["other"]
    assert len(stops(plan)) == prune["enabled"]


@pytest.mark.parametrize(
    ("node", "pod"),
    [
        ({"taints": [{"key": "open", "effect": "NoSchedule"}]}, {}),
        ({"taints": [{"key": "open", "effect": "NoExecute"}]}, {}),
        ({}, {"nodeSelector": {"vault": "yes"}}),
        ({}, {"nodeName": "pi-2"}),
    ],
)
def test_what_can_t_have_been_placed_there_isn_t_completed_there(node: Any, pod: Any) -> None:
    """Else who is root on one node would have the Secrets of pods that are kept off it."""
    wanted = alone(deployment(replicas=1, pod=pod), of=fleet({"name": "pi-1", **node}))
    plan = planned(wanted, claimed(wanted, WEB))
    assert not starts(plan)
    assert len(stops(plan)) == 1


@pytest.mark.parametrize("ip", ["10.42.2.7", "192.0.2.1", "10.42.1.1", "10.42.1.7\nx", "", "x"])
def test_nor_what_has_an_address_of_somewhere_else(ip: str) -> None:
    wanted = alone(deployment(replicas=1))
    plan = planned(wanted, claimed(wanted, WEB, ip=ip))
    assert not starts(plan)
    assert "isn't one of pi-1's pod network" in stops(plan)[0]


def test_a_failed_version_never_gives_way_to_what_a_label_says() -> None:
    """Not even when nothing else tells what served before: that is asked of the source instead."""
    wanted = alone(deployment(replicas=2))
    record = claimed(wanted, WEB, template_hash="0123456789", spec=STOLEN)
    failed = RolloutState(
        template_hash=wanted.hashes[WEB],
        phase="failed",
        number=2,
        started_at=0.0,
        progressed_at=0.0,
        stable_hash="0123456789",
        stable_revision="c0ffee",
    )
    before = Progress(rollouts={WEB: failed})
    container = ContainerState(name="app", role="main", state="running", ready=True)
    plan = planned(wanted, record, before, phase="Running", ready=True, containers=(container,))
    assert not [r for r in starts(plan) if r.template_hash == "0123456789"]
    assert "its version 0123456789 is looked up" in str(plan)
    older = StableVersion(
        workload=deployment(image="web:v0", replicas=2),
        template_hash="0123456789",
        revision=Revision(id="c0ffee"),
        contents={},
    )
    known = msgspec.structs.replace(wanted, stable={WEB: older})
    again = planned(known, record, before, phase="Running", ready=True, containers=(container,))
    assert {r.spec.containers[0].image for r in starts(again)} == {"web:v0"}


def reader(name: str = "web", **pod: Any) -> Workload:
    env = {"envFrom": [{"secretRef": {"name": "mine"}}]}
    return deployment(name, replicas=1, container=env, pod={"imagePullSecrets": [{"name": "login"}]} | pod)


EVERY = (secret("mine"), secret("login"), secret("root"), secret("tls"), secret("mine", "other"))


def start_of(record: PodRecord) -> StartPod:
    whole = {"namespace": record.namespace, "pod": record.name, "record": record}
    return StartPod(node="pi-1", because="x", owner=record.owner, **whole)


def test_a_node_is_sent_what_the_pod_s_manifest_names_and_nothing_else() -> None:
    wanted = alone(reader(), contents=EVERY)
    sent = contents_for(wanted, {}, start_of(claimed(wanted, WEB)))
    assert {f"{k.namespace}/{k.name}" for k in sent} == {"default/mine", "default/login"}


@pytest.mark.parametrize(
    "forged",
    [
        {"spec": STOLEN},
        {"template_hash": "0123456789"},
        {"owner": Key("Deployment", "default", "other")},
        {"namespace": "other"},
    ],
)
def test_and_nothing_at_all_for_a_pod_that_no_manifest_has(forged: dict[str, Any]) -> None:
    """A second wall: such a pod is in no plan."""
    wanted = alone(reader(), contents=EVERY)
    assert contents_for(wanted, {}, start_of(claimed(wanted, WEB, **forged))) == {}


def test_an_older_version_has_the_contents_of_its_own_time() -> None:
    old = alone(reader(), contents=(secret("mine", k="then"), secret("root")))
    new = alone(reader(hostname="x"), contents=(secret("mine", k="now"), secret("root")))
    older = StableVersion(
        workload=old.workloads[WEB],
        template_hash=old.hashes[WEB],
        revision=old.revision,
        contents=old.contents,
    )
    wanted = msgspec.structs.replace(new, stable={WEB: older})
    (sent,) = contents_for(wanted, {}, start_of(claimed(old, WEB))).values()
    assert sent.contents() == {"k": b"then"}
    (sent,) = contents_for(wanted, {}, start_of(claimed(new, WEB))).values()
    assert sent.contents() == {"k": b"now"}


def test_a_proxy_is_sent_certificates_that_an_ingress_names_in_its_manifest() -> None:
    """What a node says that it was told of others isn't: it would be given their keys."""
    door = ingress(
        tls=[{"secretName": "tls"}],
        defaultBackend={"service": {"name": "web", "port": {"number": 80}}},
    )
    pair = {"tls.crt": "a", "tls.key": "b"}
    wanted = desired(
        of=networked(), ingresses=(door,), contents=(secret("tls", **pair), secret("root", **pair))
    )
    traffic = told(running(of=networked()))
    named = [Certificate(namespace="default", secret=name, digest="x", hosts=()) for name in ("tls", "root")]
    claims = msgspec.structs.replace(traffic, ingress=IngressTraffic(certificates=tuple(named)))
    publish = Publish(node="pi-1", because="x", owner=None, traffic=claims)
    assert [k.name for k in contents_for(wanted, {}, publish)] == ["tls"]
