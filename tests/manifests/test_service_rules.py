"""Rules about Services: each wrong thing, and the sentence for it."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.load import load_tree
from tests.manifests.build import assert_only, deployment, lines, load, service

PORTS = "ports: [{port: 80}]\n"
NAMED = deployment(container="ports: [{name: http, containerPort: 8080}]")

ALONE = [
    ("", "spec.ports: is missing, expected at least one port"),
    ("ports: [{port: 80}, {port: 81, name: b}]", "spec.ports[0].name: is missing; with several ports"),
    ("ports: [{port: 80, name: a}, {port: 81, name: a}]", 'spec.ports[1].name: a second port is called "a"'),
    ("ports: [{port: 80, name: a}, {port: 80, name: b}]", "spec.ports[1].port: port 80/TCP stands here twice"),
    ("ports: [{port: 0}]", "spec.ports[0].port: expected at least 1, found 0"),
    ("ports: [{port: 80, name: A_b}]", "spec.ports[0].name: expected a DNS label"),
    ("ports: [{port: 80, protocol: SCTP}]", "spec.ports[0].protocol: SCTP isn't supported"),
    ("ports: [{port: 80, protocol: tcp}]", "spec.ports[0].protocol: expected one of"),
    ("ports: [{port: 80, targetPort: Web_UI}]", "spec.ports[0].targetPort: expected a port's number or name"),
    ("ports: [{port: 80, targetPort: '8080'}]", 'spec.ports[0].targetPort: expected a number or a name, found "8080"'),
    ("ports: [{port: 80, nodePort: 30080}]", "spec.ports[0].nodePort: isn't allowed with type ClusterIP"),
    ("ports: [{port: 80, nodePort: 8080}]\ntype: NodePort", "spec.ports[0].nodePort: expected 30000 to 32767, found 8080"),
    (
        "type: NodePort\nports: [{port: 80, name: a, nodePort: 30080}, {port: 81, name: b, nodePort: 30080}]",
        "spec.ports[1].nodePort: node port 30080/TCP stands here twice",
    ),
    (
        "type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 80, nodePort: 30080}]",
        "spec.ports[0].nodePort: warning: contradicts allocateLoadBalancerNodePorts: false",
    ),
    (PORTS + "clusterIP: 10.43.0.999", "spec.clusterIP: expected an IPv4 address, found"),
    (PORTS + "clusterIP: 'fd00::1'", "spec.clusterIP: expected an IPv4 address: there is no IPv6 here"),
    (PORTS + "clusterIP: None\ntype: NodePort", "spec.clusterIP: None isn't allowed with type NodePort"),
    (PORTS + "clusterIPs: [10.43.0.50]", 'spec.clusterIPs[0]: expected the same as clusterIP (""), found "10.43.0.50"'),
    (
        PORTS + "clusterIP: 10.43.0.50\nclusterIPs: [10.43.0.50, 'fd00::1']",
        "spec.clusterIPs[1]: a second address isn't supported",
    ),
    (PORTS + "ipFamilies: [IPv6]", "spec.ipFamilies: IPv6 alone isn't supported"),
    (PORTS + "ipFamilyPolicy: RequireDualStack", "spec.ipFamilyPolicy: RequireDualStack isn't supported"),
    (PORTS + "ipFamilyPolicy: PreferDualStack", "spec.ipFamilyPolicy: note: is IPv4 alone here"),
    (PORTS + "externalIPs: [host.lan]", "spec.externalIPs[0]: expected an IPv4 address, found"),
    (PORTS + "externalIPs: [127.0.0.1]", "spec.externalIPs[0]: 127.0.0.1 is a loopback address"),
    (PORTS + "externalIPs: [0.0.0.0]", "spec.externalIPs[0]: 0.0.0.0 is unspecified"),
    (PORTS + "loadBalancerIP: 10.0.0.9", "spec.loadBalancerIP: warning: has no effect: the type is ClusterIP"),
    (PORTS + "type: LoadBalancer\nloadBalancerIP: x", "spec.loadBalancerIP: expected an IPv4 address"),
    (PORTS + "type: LoadBalancer\nloadBalancerSourceRanges: [10.0.0.1]", "spec.loadBalancerSourceRanges[0]: expected an IPv4 network"),
    (PORTS + "loadBalancerSourceRanges: [10.0.0.0/8]", "spec.loadBalancerSourceRanges: isn't allowed with type ClusterIP"),
    (PORTS + "allocateLoadBalancerNodePorts: false", "spec.allocateLoadBalancerNodePorts: isn't allowed with type ClusterIP"),
    (PORTS + "type: LoadBalancer\nloadBalancerClass: metallb", "spec.loadBalancerClass: note: has no effect"),
    (PORTS + "trafficDistribution: PreferClose", "spec.trafficDistribution: note: has no effect"),
    (PORTS + "healthCheckNodePort: 31000", "spec.healthCheckNodePort: note: has no effect"),
    (PORTS + "externalTrafficPolicy: Local", "spec.externalTrafficPolicy: isn't allowed with type ClusterIP"),
    (PORTS + "sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}", "spec.sessionAffinityConfig: isn't allowed with sessionAffinity None"),
    (
        PORTS + "sessionAffinity: ClientIP\nsessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}",
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds: expected at most 86400",
    ),
    ("type: ExternalName", 'spec.externalName: expected a DNS name, found ""'),
    ("type: ExternalName\nexternalName: http://x", "spec.externalName: expected a DNS name"),
    ("type: ExternalName\nexternalName: 10.0.0.5", "spec.externalName: 10.0.0.5 is an address"),
    ("type: ExternalName\nexternalName: a.lan\nclusterIP: None", "spec.clusterIP: isn't allowed with type ExternalName"),
    ("type: ExternalName\nexternalName: a.lan\nselector: {app: web}", "spec.selector: warning: has no effect: an ExternalName"),
    (PORTS + "externalName: a.lan\nselector: {app: web}", "spec.externalName: warning: has no effect: the type is ClusterIP"),
    (PORTS + "clusterIp: x", 'spec.clusterIp: unknown field "clusterIp"'),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), ALONE)
def test_a_service_alone(tmp_path: Path, spec: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, NAMED, service(spec))), expected)


@pytest.mark.parametrize(
    "spec",
    [
        PORTS,
        "clusterIP: None",
        "clusterIP: None\nports: [{port: 80, targetPort: http}]",
        "type: ExternalName\nexternalName: nas.example.com.",
        "type: NodePort\nports: [{port: 80, name: a, nodePort: 30080}, {port: 80, name: b, protocol: UDP, nodePort: 30080}]",
        "type: LoadBalancer\nexternalTrafficPolicy: Local\nloadBalancerIP: 10.0.0.9\nports: [{port: 80, name: a-name-longer-than-15-characters}]",
        PORTS + "externalIPs: [10.0.0.9]\nexternalTrafficPolicy: Local",
        PORTS + "clusterIP: 10.43.0.50\nclusterIPs: [10.43.0.50]\nipFamilies: [IPv4]\nipFamilyPolicy: SingleStack\nsessionAffinity: None\ninternalTrafficPolicy: Cluster",
        PORTS + "sessionAffinity: ClientIP\nsessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}",
    ],
)  # fmt: skip
def test_what_is_right(tmp_path: Path, spec: str) -> None:
    assert lines(load(tmp_path, NAMED, service(spec))) == []


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ("annotations: {reconciler.io/proxy-protocol: v3}", "metadata.annotations[reconciler.io/proxy-protocol]: expected v1 or v2"),
        ("annotations: {metallb.io/loadBalancerIPs: 10.0.0.9}", "metadata.annotations[metallb.io/loadBalancerIPs]: warning: has no effect here"),
        (
            "annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: 10.0.0.0/8}",
            "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: isn't read, and everybody",
        ),
        ("annotations: null", ""),
        ("annotations: {reconciler.io/proxy-protocol: v2, any.example.com/thing: x}", ""),
    ],
)  # fmt: skip
def test_its_annotations(tmp_path: Path, meta: str, expected: str) -> None:
    found = lines(load(tmp_path, NAMED, service(meta=meta)))
    assert len(found) == bool(expected)
    assert all(line.startswith(expected) for line in found)


@pytest.mark.parametrize("name", ["1web", "web.site", "a" * 64])
def test_its_name_is_a_dns_1035_label(tmp_path: Path, name: str) -> None:
    found = lines(load(tmp_path, NAMED, service(name=f"'{name}'")))
    assert_only(found, "metadata.name: expected a DNS label that begins with a letter")


@pytest.mark.parametrize(("seconds", "good"), [("30", True), ("1.5", True), ("soon", False), ("-1", False)])
def test_how_long_a_pod_drains(tmp_path: Path, seconds: str, good: bool) -> None:
    labels = "{labels: {app: web}, annotations: {reconciler.io/drain-seconds: '" + seconds + "'}}"
    found = lines(load(tmp_path, deployment().replace("{labels: {app: web}}", labels)))
    where = "spec.template.metadata.annotations[reconciler.io/drain-seconds]"
    assert found == ([] if good else [f'{where}: expected a number of seconds, found "{seconds}"'])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("driver", "local", ""),
        ("driver", "journald", 'expected json-file or local, found "journald"'),
        ("max-size", "50Mi", ""),
        ("max-size", "0", 'expected a size from 4Ki to 1Ti, found "0"'),
        ("max-size", "1e999999999", 'expected a size from 4Ki to 1Ti, found "1e999999999"'),
        ("max-files", "3", ""),
        ("max-files", "1", 'expected a number from 2 to 999, found "1"'),
    ],
)
def test_how_a_pods_logs_are_kept(tmp_path: Path, key: str, value: str, message: str) -> None:
    labels = "{labels: {app: web}, annotations: {reconciler.io/log-" + key + ": '" + value + "'}}"
    found = lines(load(tmp_path, deployment().replace("{labels: {app: web}}", labels)))
    where = f"spec.template.metadata.annotations[reconciler.io/log-{key}]"
    assert found == ([f"{where}: {message}"] if message else [])


SELECTED = [
    ("{app: wbe}", "no pod of namespace default has app=wbe", "Deployment default/web has app=web"),
    ("{app: web, tier: front}", "no pod of namespace default has app=web, tier=front", "Deployment default/web has no label tier"),
    ("{name: elsewhere}", "no pod of namespace default has name=elsewhere", "use labels of spec.template"),
]  # fmt: skip


@pytest.mark.parametrize(("selector", "message", "remedy"), SELECTED)
def test_a_selector_that_matches_no_pod(tmp_path: Path, selector: str, message: str, remedy: str) -> None:
    findings = load(tmp_path, NAMED, service(f"{PORTS}selector: {selector}")).findings
    assert [(f.path, f.severity, f.message) for f in findings] == [("spec.selector", "warning", message)]
    assert findings[0].remedy.startswith(remedy)


def test_a_selector_that_matches_pods_of_another_namespace(tmp_path: Path) -> None:
    (found,) = load(tmp_path, NAMED, service(meta="namespace: prod")).findings
    assert found.remedy == "Deployment default/web has them; a Service finds pods of its own namespace only"


def test_a_named_target_port_that_no_container_has(tmp_path: Path) -> None:
    spec = "ports: [{port: 80, targetPort: htpt}]"
    (found,) = load(tmp_path, NAMED, service(spec)).findings
    assert found.severity == "error"
    assert found.message == 'no container of Deployment default/web has a port called "htpt" (TCP)'
    assert found.remedy == "did you mean http?"
    file = tmp_path / "1.yaml"
    assert [f.severity for f in load_tree(tmp_path, [tmp_path / "0.yaml", file]).findings] == ["warning"]


def test_a_named_target_port_that_some_pods_lack_is_a_warning(tmp_path: Path) -> None:
    spec = "ports: [{port: 80, targetPort: http}]"
    found = load(tmp_path, NAMED, deployment(name="old"), service(spec)).findings
    assert [(f.severity, f.message.split(" has ")[0]) for f in found] == [
        ("warning", "no container of Deployment default/old")
    ]


ROLLOUT = """apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  strategy: {blueGreen: {activeService: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.29"}]}
"""


def test_a_named_target_port_that_no_pod_of_a_rollout_has_is_a_warning(tmp_path: Path) -> None:
    found = load(tmp_path, ROLLOUT, service("ports: [{port: 80, targetPort: http}]")).findings
    assert [(f.severity, f.message) for f in found] == [
        ("warning", 'no container of Rollout default/web has a port called "http" (TCP)')
    ]


def test_a_named_target_port_of_another_protocol(tmp_path: Path) -> None:
    found = lines(load(tmp_path, NAMED, service("ports: [{port: 80, targetPort: http, protocol: UDP}]")))
    assert_only(
        found,
        'spec.ports[0].targetPort: no container of Deployment default/web has a port called "http" (UDP)',
    )


def test_a_service_that_leads_nowhere(tmp_path: Path) -> None:
    found = lines(load(tmp_path, service(PORTS + "selector: null")))
    assert_only(found, "spec: warning: has no selector, and there are no Endpoints default/web")


TAKEN = [
    (PORTS + "clusterIP: 10.43.0.50", "spec.clusterIP: 10.43.0.50 is the address of Service default/one"),
    ("type: NodePort\nports: [{port: 80, nodePort: 30080}]", "spec.ports[0].nodePort: node port 30080/TCP is taken by Service default/one"),
    (PORTS + "type: LoadBalancer", "spec.ports[0].port: port 80/TCP of every node is taken by Service default/one"),
    (PORTS + "type: LoadBalancer\nloadBalancerIP: 10.0.0.9", "spec.ports[0].port: port 80/TCP of 10.0.0.9 is taken by Service default/one"),
    (PORTS + "externalIPs: [10.0.0.9]", "spec.ports[0].port: port 80/TCP of 10.0.0.9 is taken by Service default/one"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), TAKEN)
def test_two_services_want_the_same(tmp_path: Path, spec: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, NAMED, service(spec, name="one"), service(spec, name="two"))), expected)


def test_services_that_can_stand_side_by_side(tmp_path: Path) -> None:
    balancer = "type: LoadBalancer\n"
    texts = [
        service(balancer + PORTS, name="a"),
        service(balancer + "ports: [{port: 80, protocol: UDP}]", name="b"),
        service(balancer + "ports: [{port: 81}]", name="c"),
        service(balancer + PORTS + "loadBalancerIP: 10.0.0.9", name="d"),
        service(balancer + PORTS + "loadBalancerIP: 10.0.0.10", name="e"),
        service("clusterIP: None", name="f"),
        service("clusterIP: None", name="g"),
    ]
    assert lines(load(tmp_path, NAMED, *texts)) == []
