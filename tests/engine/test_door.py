"""What a node's labels say is parsed at the door: what isn't of its form is said, and steers nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.dataplane.plane import told
from reconciler.engine.observing import door
from reconciler.engine.observing.observe import ObserveCache, list_pods
from reconciler.engine.pods.naming import container_labels, object_labels
from reconciler.model import labels
from reconciler.model.container import Container
from reconciler.model.fleet import NetworkSpec, NodeSpec
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord, PodState
from reconciler.model.pod import PodSpec
from reconciler.model.traffic import Endpoint
from tests.engine.fake_engine import FakeEngine, answer, fake_engine
from tests.engine.rendering.samples import endpoint, service, traffic

CIDR = "10.42.1.0/24"
WEB = Key("Deployment", "default", "web")
RECORD = PodRecord(
    namespace="default",
    name="web-0123456789-0",
    owner=WEB,
    template_hash="0123456789",
    revision="c0ffee",
    node="pi-1",
    spec=PodSpec(containers=(Container(name="app", image="web:v1"),)),
    ip="10.42.1.7",
    labels={"app": "web"},
)


class OneNode:
    """An Engine with these containers and volumes, and what is seen of them."""

    def __init__(self, fake: FakeEngine, engine: Engine) -> None:
        self._engine, self.cache = engine, ObserveCache()
        self.containers: list[dict[str, Any]] = []
        self.volumes: list[dict[str, Any]] = []
        fake.say = self._say

    def _say(self, request: str) -> bytes:
        path = request.split()[1].partition("?")[0]
        if path.endswith("/volumes"):
            return answer(json.dumps({"Volumes": self.volumes}).encode())
        if path.endswith("/containers/json"):
            return answer(json.dumps(self.containers).encode())
        return answer(json.dumps(self._inspected(path.split("/")[-2])).encode())

    def _inspected(self, container_id: str) -> dict[str, Any]:
        found = next(c for c in self.containers if c["Id"] == container_id)
        state = {
            "Status": "running",
            "Running": True,
            "StartedAt": "2026-11-20T12:00:00Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
        }
        config = {"Image": "web:v1", "Labels": found["Labels"]}
        return {"Id": container_id, "Name": "/x", "State": state, "Config": config, "Image": "sha256:1"} | {
            "Created": "2026-11-20T12:00:00Z"
        }

    def container(self, tags: Mapping[str, str]) -> None:
        number = f"{len(self.containers):064x}"
        whole = {"Id": number, "Names": [f"/{number}"], "State": "running", "Status": "Up 3 hours"}
        self.containers.append({**whole, "Labels": dict(tags), "Image": "web:v1", "Created": 1})

    def volume(self, tags: Mapping[str, str]) -> None:
        self.volumes.append({"Name": f"v{len(self.volumes)}", "Labels": dict(tags), "Mountpoint": "/v"})

    def pods(self) -> tuple[PodState, ...]:
        return list_pods(self._engine, "home", self.cache, CIDR)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OneNode]:
    with fake_engine(tmp_path / "s", lambda request: None) as fake:
        engine = connect(NodeSpec(name="pi-1", address=f"unix://{fake.path}"))
        yield OneNode(fake, engine)
        engine.close()


def tags(record: PodRecord = RECORD, **changed: str) -> dict[str, str]:
    return container_labels("home", record, "app", "main") | changed


def test_our_own_labels_pass(node: OneNode) -> None:
    node.container(tags())
    node.volume(object_labels("home", RECORD))
    (pod,) = node.pods()
    assert pod.record == RECORD
    assert (pod.doubt, node.cache.complaints) == ("", ())


@pytest.mark.parametrize(
    ("label", "value"),
    [
        (labels.NAMESPACE, "default\nx"),
        (labels.NAMESPACE, "../kube"),
        (labels.NAMESPACE, ""),
        (labels.POD, "web\n  server evil 192.0.2.1:80"),
        (labels.POD, "Web_1"),
        (labels.POD, "w" * 300),
        (labels.OWNER, "Deployment"),
        (labels.OWNER, "Deployment/web; x"),
        (labels.OWNER, "De ployment/web"),
        (labels.TEMPLATE_HASH, "0123 456"),
        (labels.REVISION, "c0ffee\x1b[2J"),
        (labels.CONTAINER, "app'x"),
    ],
)
def test_what_names_no_pod_is_left_out_and_said(node: OneNode, label: str, value: str) -> None:
    node.container(tags())
    node.container(tags(**{label: value}))
    (pod,) = node.pods()
    assert pod.record == RECORD
    (said,) = node.cache.complaints
    assert label in said
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize(
    "forged",
    [
        {"namespace": "bank"},
        {"name": "web-0123456789-9"},
        {"owner": Key("Deployment", "default", "bank")},
        {"owner": Key("Deployment", "bank", "web")},
        {"template_hash": "9876543210"},
        {"ip": "10.42.2.7"},
        {"ip": "192.0.2.1"},
        {"ip": "10.42.1.1"},
    ],
)
def test_a_record_that_contradicts_itself_is_in_doubt_and_still_a_pod_of_its_owner(
    node: OneNode, forged: dict[str, Any]
) -> None:
    """Left out it would be missed, and another one be started beside it."""
    lying = msgspec.structs.replace(RECORD, **forged)
    node.container(tags() | {labels.SPEC: msgspec.json.encode(lying).decode()})
    (pod,) = node.pods()
    assert pod.record.owner == WEB
    assert pod.record.key == RECORD.key
    assert (pod.record.ip, pod.record.template_hash) == ("", RECORD.template_hash)
    assert pod.doubt
    assert node.cache.complaints == (f"pod default/{RECORD.name}: {pod.doubt}",)


@pytest.mark.parametrize(
    "spec",
    ["", "{", "[]", "[" * 100_000, "9" * 2_000_000, '{"namespace": "default"}', '"\\ud800"'],
)
def test_a_record_that_can_t_be_read_is_said(node: OneNode, spec: str) -> None:
    node.container(tags(**{labels.SPEC: spec}))
    (pod,) = node.pods()
    assert (pod.record.key, pod.record.owner, pod.doubt) == (RECORD.key, WEB, "")
    assert "can't be read in full" in node.cache.complaints[0]


INJECTED = '10.42.1.7:80\n  http-request return string "hello"\nserver x 10.42.1.7'


def test_an_address_with_directives_in_it_reaches_nobody(node: OneNode) -> None:
    forged = msgspec.structs.replace(RECORD, ip=INJECTED)
    node.container(tags() | {labels.SPEC: msgspec.json.encode(forged).decode()})
    (pod,) = node.pods()
    assert pod.record.ip == ""
    assert node.cache.complaints


def test_what_another_version_wrote_keeps_its_traffic(node: OneNode) -> None:
    """Its spec has a field that nobody here knows; address and labels are of their form all the same."""
    found = msgspec.json.decode(msgspec.json.encode(RECORD))
    found["spec"]["ofTheFuture"] = True
    node.container(tags(**{labels.SPEC: json.dumps(found)}))
    (pod,) = node.pods()
    assert (pod.record.ip, pod.record.labels, pod.doubt) == (RECORD.ip, RECORD.labels, "")


def test_a_thousand_lies_are_a_few_lines(node: OneNode) -> None:
    for number in range(1000):
        node.volume(object_labels("home", RECORD) | {labels.POD: f"X{number}"})
    assert node.pods() == ()
    assert len(node.cache.complaints) == door.MOST_SAID + 1
    assert node.cache.complaints[-1] == "and 995 more like these"


@pytest.mark.parametrize(
    "claimed", ["abc", "0.0.0.0/0", "10.42.0.0/16", "10.43.1.0/24", "10.42.1.1/24", "10.42.1.0/24\n", "::/64"]
)
def test_a_slice_is_one_of_the_fleet_s_range(claimed: str) -> None:
    assert door.slice_of(CIDR, NetworkSpec()) == (CIDR, "")
    assert door.slice_of("", NetworkSpec()) == ("", "")
    found, said = door.slice_of(claimed, NetworkSpec())
    assert found == ""
    assert "spec.network in nodes.yaml" in said


FORGED = [
    traffic(service(endpoint("web-1", INJECTED))),
    traffic(service(ip="not there yet")),
    traffic(service(ip="10.43.7.7\n")),
    traffic(service(name="web; quit")),
    traffic(service(port=70_000)),
    traffic(service(addresses=("192.168.1.11 ",))),
    traffic(pod_cidr="x"),
    traffic(node="pi-2"),
]


@pytest.mark.parametrize("forged", FORGED)
def test_what_a_node_says_that_it_was_told_is_of_its_form_or_nothing(forged: Any) -> None:
    """It is the memory of all: of addresses, node ports, and of services that nothing wants any more."""
    good = traffic(service(Endpoint(name="web-1", ip="10.42.1.7", port=80)))
    assert told(msgspec.json.encode(good), "pi-1") == good
    assert told(msgspec.json.encode(forged), "pi-1") is None
    assert told(b"[" * 100_000, "pi-1") is None
