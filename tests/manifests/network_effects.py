"""For each honoured field of Service, Endpoints, EndpointSlice and Ingress: who notices another value.

Like `effect_rows`, with one more scene: what the nodes' data planes are told. Blocks of `JUDGED` are about
fields whose other values are refused.
"""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from reconciler.decide import decide
from reconciler.manifests.desired import desired
from reconciler.model.action import Publish
from reconciler.model.desired import Contents
from reconciler.model.fleet import NetworkSpec
from reconciler.model.kinds import Object
from reconciler.model.observed import ContainerState, NodeState, Observed, PodState
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision
from tests.fleet.tls import pair
from tests.manifests.effect_rows import REMOVED, data, pod, under
from tests.manifests.effects_of import FACTS, NODES, NOW, converted, record_of

NUMBERS = {"a": 7, "b": 6, "c": 5, "d": 4}
"""Of each node, in its addresses."""
PORT = {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}
PORTS = [
    {"containerPort": 8080, "name": "http"},
    {"containerPort": 8443, "name": "https"},
    {"containerPort": 53, "name": "http", "protocol": "UDP"},
]


def service(name: str = "web", ports: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    return data("Service", name, spec={"ports": [PORT] if ports is None else ports, **spec})


SITE: dict[str, Any] = {"selector": {"app": "site"}}
TWO = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
PLAIN = [{"name": "http", "port": 80, "targetPort": "http"}]
OTHERS = (
    service("site", PLAIN, **SITE),
    service(
        "other",
        [
            {"name": "http", "port": 80, "targetPort": "https"},
            {"name": "more", "port": 81, "targetPort": 8443},
        ],
        **SITE,
    ),
    service("hand", TWO, publishNotReadyAddresses=True),
    service("hand2", TWO),
    service("bare", TWO, clusterIP="None"),
)
"""Services beside the one in question."""
SECRETS = tuple(
    data("Secret", name, type="kubernetes.io/tls",
         stringData=dict(zip(("tls.crt", "tls.key"), pair(name), strict=True)))
    for name in ("cert", "cert2")
)  # fmt: skip


def endpoints(name: str) -> dict[str, Any]:
    subset = {
        "addresses": [{"ip": "10.9.9.9", "hostname": "h", "nodeName": "a"}],
        "notReadyAddresses": [{"ip": "10.9.9.8"}],
        "ports": [{"name": "a", "port": 9000}],
    }
    return data("Endpoints", name, subsets=[subset])


def slice_of(name: str, **conditions: bool) -> dict[str, Any]:
    endpoint = {"addresses": ["10.9.9.9"], "hostname": "h", "nodeName": "a", "conditions": conditions}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s", "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [endpoint],
        "ports": [{"name": "a", "port": 9000}],
    }


def backend(to: str = "site", **port: Any) -> dict[str, Any]:
    return {"service": {"name": to, "port": port or {"number": 80}}}


def ingress(**port: Any) -> dict[str, Any]:
    path = {"path": "/p", "pathType": "Prefix", "backend": backend("other", **port)}
    spec = {
        "rules": [{"host": "a.lan", "http": {"paths": [path]}}],
        "tls": [{"hosts": ["a.lan"], "secretName": "cert"}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": spec,
    }


PATH = "spec/rules/0/http/paths/0"

TOLD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (service(type="NodePort", **SITE), {"metadata/name": "web2", "spec/type": "ClusterIP", "spec/selector": {"app": "none"}, "spec/clusterIP": "10.43.7.7",
        "spec/externalIPs": ["10.0.0.77"], "spec/externalTrafficPolicy": "Local", "spec/internalTrafficPolicy": "Local", "spec/publishNotReadyAddresses": True,
        "spec/sessionAffinity": "ClientIP", **under("spec/ports/0", {"port": 81, "name": "x", "protocol": "UDP", "targetPort": "https", "nodePort": 30081, "appProtocol": "mqtt"})}),
    (service(ports=PLAIN, type="LoadBalancer", **SITE), {"spec/loadBalancerIP": "10.0.0.77", "spec/loadBalancerSourceRanges": ["10.0.0.0/8"], "spec/allocateLoadBalancerNodePorts": False}),
    (service(ports=PLAIN, sessionAffinity="ClientIP", **SITE), {"spec/sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}, "spec/sessionAffinityConfig/clientIP/timeoutSeconds": 6}),
    (service(ports=[], type="ExternalName", externalName="nas.lan"), {"spec/externalName": "disk.lan"}),
    (endpoints("hand"), {"metadata/name": "hand2", "subsets/0/addresses/0/ip": "10.9.9.7", "subsets/0/addresses/0/nodeName": "b", "subsets/0/notReadyAddresses": REMOVED,
        **under("subsets/0/ports/0", {"port": 9001, "name": "b"})}),
    (endpoints("bare"), {"subsets/0/addresses/0/hostname": "i"}),
    (slice_of("hand2"), {"metadata/labels": {"kubernetes.io/service-name": "bare"}, "addressType": "FQDN",
        **under("endpoints/0", {"addresses": ["10.9.9.7"], "nodeName": "b", "conditions/ready": False}), **under("ports/0", {"port": 9001, "name": "b"})}),
    (slice_of("hand2", ready=False, serving=True, terminating=True), under("endpoints/0/conditions", {"serving": False, "terminating": False})),
    (slice_of("bare"), {"endpoints/0/hostname": "i"}),
    (ingress(number=80), {"metadata/annotations": {"nginx.ingress.kubernetes.io/ssl-redirect": "false"}, "spec/defaultBackend": backend(), "spec/rules/0/host": "b.lan",
        "spec/tls/0/hosts": ["c.lan"], "spec/tls/0/secretName": "cert2",
        **under(PATH, {"path": "/q", "pathType": "Exact", "backend/service/name": "site", "backend/service/port/number": 81})}),
    (ingress(name="http"), {f"{PATH}/backend/service/port/name": "more"}),
]  # fmt: skip

JUDGED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (service(type="NodePort", **SITE), {"spec/clusterIPs": ["10.43.7.7"], "spec/ipFamilies": ["IPv6"], "spec/ipFamilyPolicy": "RequireDualStack"}),
    (endpoints("hand"), {"subsets/0/ports/0/protocol": "SCTP"}),
    (slice_of("hand2"), {"ports/0/protocol": "SCTP"}),
]  # fmt: skip


def rows(scene: str, blocks: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[tuple[str, Any, str, Any]]:
    return [(scene, manifest, path, value) for manifest, changes in blocks for path, value in changes.items()]


TOLD_ROWS = rows("told", TOLD)
JUDGED_ROWS = rows("judge", JUDGED)


def told(value: dict[str, Any], _: Contents) -> Any:
    """What every node's data plane is told, beside pods that run and Services that are there already."""
    objects: list[Object] = [converted(value), *map(converted, (*OTHERS, *SECRETS))]
    fleet = replace(NODES, spec=replace(NODES.spec, network=NetworkSpec()))
    plan = decide(desired(fleet, Revision(id="1"), objects), Observed(_nodes()), Progress(), NOW)
    return {s.action.node: s.action.traffic for s in plan.steps if isinstance(s.action, Publish)}


def _nodes() -> list[NodeState]:
    pods = {"a": (_pod("site-1", "a", ready=True),), "b": (_pod("site-2", "b", ready=False),)}
    return [
        NodeState(
            name=node,
            reachable=True,
            facts=replace(FACTS, internal_ip=f"10.0.0.{n}", addresses=(f"10.0.0.{n}", f"10.0.0.7{n}")),
            pod_cidr=f"10.42.{n}.0/24",
            data_plane="running",
            pods=pods.get(node, ()),
        )
        for node, n in NUMBERS.items()
    ]


def _pod(name: str, node: str, *, ready: bool) -> PodState:
    wanted = converted(pod(ports=PORTS))
    record = replace(record_of(wanted, node, f"10.42.{NUMBERS[node]}.9"), name=name)
    main = ContainerState(name="app", role="main", state="running", started_at=1.0, started=True, ready=ready)
    since = 1.0 if ready else None
    return PodState(
        record=record, phase="Running", containers=(main,), ready=ready, ready_since=since, created_at=1.0
    )
