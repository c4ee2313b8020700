"""The network of a fleet on real nodes: every pod an address, every service a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from reconciler.lab import Lab
from tests.fleet.networking import ALL_PORTS, Place, app, get, service, serving
from tests.fleet.say import addresses, say
from tests.fleet.site import until

pytestmark = pytest.mark.fleet


APP = "selector: {app: app}"
HTTP = "ports: [{port: 80, targetPort: 8080}]"
OPEN = ALL_PORTS.replace("port: 80,", "port: 80, nodePort: 30080,")
LOCAL = (
    "ports: [{name: echo, port: 9000, nodePort: 30900}, "
    "{name: udp, port: 9001, nodePort: 30901, protocol: UDP}]"
)
SERVICES = {
    "app": f"{APP}, {ALL_PORTS}",
    "open": f"type: NodePort, {APP}, {OPEN}",
    "sticky": f"{APP}, sessionAffinity: ClientIP, {HTTP}",
    "pods": f"{APP}, clusterIP: None, {HTTP}",
    "elsewhere": "type: ExternalName, externalName: app.default.svc.cluster.local",
    "near": f"{APP}, internalTrafficPolicy: Local, {HTTP}",
    "local": f"type: NodePort, {APP}, externalTrafficPolicy: Local, {LOCAL}",
    "lan": f"type: LoadBalancer, {APP}, ports: [{{port: 8088, targetPort: 8080}}]",
    "nas": "ports: [{port: 80, targetPort: 5000}]",
}
BY_HAND = """
---
apiVersion: v1
kind: Endpoints
metadata: {{name: nas}}
subsets: [{{addresses: [{{ip: {}}}], ports: [{{port: 5000}}]}}]
"""


def outside(lab: Lab) -> str:
    """A machine of the LAN: the host that the lab runs on, where its registry listens."""
    return lab.registry.partition(":")[0]


def manifests(lab: Lab, apps: dict[str, str]) -> str:
    pods = app(apps["app:v1"], replicas=6, pod="      subdomain: pods")
    return "".join(
        [pods, *(service(name, spec) for name, spec in SERVICES.items()), BY_HAND.format(outside(lab))]
    )


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serving(lab, tmp_path_factory.mktemp("network"), manifests(lab, apps)) as ready:
        yield ready


def test_every_pod_reaches_every_pod_by_its_address(place: Place) -> None:
    ips = place.pod_ips()
    assert len(ips) == 6 and len({p.node for p in place.seen().pods}) == 3
    for node in place.lab.nodes:
        for name, ip in ips.items():
            assert get(f"http://{ip}:8080/", at=place.inside(node.name)).startswith(f"v1 {name} 10.42.")


@pytest.mark.parametrize("name", ["app", "app.default", "app.default.svc", "app.default.svc.cluster.local"])
def test_a_service_has_its_address_under_each_of_its_names_on_every_node(place: Place, name: str) -> None:
    for node in place.lab.nodes:
        assert addresses(name, at=place.inside(node.name)) == [place.ip("app")]


def all_answer(place: Place, url: str, *, at: Sequence[str] = ()) -> None:
    """Every pod, soon, and nobody else."""
    seen: set[str] = set()

    def asked() -> bool:
        seen.update(get(url, at=at).split()[1:2])
        return seen >= set(place.pod_ips())

    until(asked, f"all pods answer at {url}", place.tell)
    assert seen == set(place.pod_ips())


def test_a_service_balances_over_all_of_its_pods_from_every_node(place: Place) -> None:
    for node in place.lab.nodes:
        all_answer(place, "http://app/", at=place.inside(node.name))


def test_a_server_that_speaks_first_is_heard_at_once(place: Place) -> None:
    assert say("tcp", "app", 9000, "ping", at=place.inside("pi-1")).endswith("ping")


def test_udp_is_balanced_as_well(place: Place) -> None:
    inside = place.inside("pi-2")
    seen = {say("udp", "app", 9001, "ping", at=inside).split()[1] for _ in range(30)}
    assert len(seen) >= 4, seen


def test_a_node_port_is_open_on_every_node_from_outside(place: Place) -> None:
    for node in place.lab.nodes:
        all_answer(place, f"http://{node.ip}:30080/")


def test_the_node_itself_reaches_services_too(place: Place) -> None:
    at = place.lab.entering("pi-3")
    assert get(f"http://{place.ip('app')}/", at=at).startswith("v1 ")
    assert say("udp", place.ip("app"), 9001, "ping", at=at).endswith("ping")


def test_a_client_stays_with_its_pod_where_that_was_asked_for(place: Place) -> None:
    inside = place.inside("pi-1")
    assert len({get("http://sticky/", at=inside).split()[1] for _ in range(10)}) == 1


def test_a_headless_service_answers_with_all_pods(place: Place) -> None:
    assert addresses("pods", at=place.inside("pi-1")) == sorted(place.pod_ips().values())


def test_an_external_name_has_its_targets_address(place: Place) -> None:
    inside = place.inside("pi-2")
    until(lambda: addresses("elsewhere", at=inside) == [place.ip("app")], "the alias is known", within=15)


def test_endpoints_by_hand_lead_out_of_the_fleet(place: Place) -> None:
    assert get("http://nas/v2/", at=place.inside("pi-3")) == "{}"  # the lab's registry


def test_local_policy_inside_stays_on_the_node(place: Place) -> None:
    for node in place.lab.nodes:
        here = {p.name for p in place.seen().pods if p.node == node.name}
        inside = place.inside(node.name)
        assert {get("http://near/", at=inside).split()[1] for _ in range(6)} <= here


def test_local_policy_outside_keeps_the_clients_address(place: Place) -> None:
    for node in place.lab.nodes:
        here = {p.name for p in place.seen().pods if p.node == node.name}
        for kind, port in (("tcp", 30900), ("udp", 30901)):
            _, pod, client = say(kind, node.ip, port, "ping").split()[:3]
            assert pod in here and client == outside(place.lab), (kind, node, pod, client)


def test_a_load_balancer_is_open_on_the_nodes_addresses(place: Place) -> None:
    assert get(f"http://{place.lab.nodes[1].ip}:8088/").startswith("v1 ")
    line = next(s for s in place.seen().services if s.name == "lan")
    assert set(line.external) == {node.ip for node in place.lab.nodes}


def test_a_service_that_nobody_has_refuses_at_once(place: Place) -> None:
    inside = place.inside("pi-1")
    assert addresses("nobody", at=inside) == []
    assert get("http://10.43.250.1/", at=inside) == ""


def test_status_shows_services_with_their_endpoints(place: Place) -> None:
    page = place.run("status").stdout
    line = next(line for line in page.splitlines() if line.split()[:2] == ["default", "open"])
    assert "NodePort" in line and "80:30080/TCP" in line and "6/6" in line, line


def test_the_nodes_pass_their_check(place: Place) -> None:
    done = place.run("nodes", "check", check=False)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout


@contextmanager
def dropping(lab: Lab, node: str, table: str) -> Iterator[None]:
    """A table of nftables, as an engine or a firewall has it, that drops what is new to pods."""
    nft = ("exec", "test__node", "nft")
    chain = f"add chain ip {table} drops {{ type filter hook forward priority 0 ; }}"
    rule = f"add rule ip {table} drops oifname reconciler0 ct state new drop"
    lab.docker(node, *nft, f"add table ip {table} ; {chain} ; {rule}")
    try:
        yield
    finally:
        lab.docker(node, *nft, f"delete table ip {table}")


def test_an_engine_with_nftables_lets_services_in(place: Place) -> None:
    """Docker 29's backend drops in a table of its own, which an ACCEPT of iptables doesn't touch."""
    node = place.lab.node("pi-2")
    with dropping(place.lab, node.name, "docker-bridges"):
        place.lab.docker(node.name, "exec", "test__node", "/bin/busybox", "sh", "/node", "rules")
        assert say("udp", node.ip, 30901, "ping").endswith("ping")
        assert say("tcp", node.ip, 30900, "ping").endswith("ping")
        done = place.run("nodes", "check", node.name, check=False)
        line = next(line for line in done.stdout.splitlines() if "node ports" in line)
        assert "ok " in line and "udp 30901" in line and "tcp 30900 lead to pods" in line, done.stdout


def test_a_firewall_that_drops_is_found_by_trying(place: Place) -> None:
    with dropping(place.lab, "pi-2", "foreign"):
        done = place.run("nodes", "check", "pi-2", check=False)
    assert done.returncode == 1
    line = next(line for line in done.stdout.splitlines() if "node ports" in line)
    assert "FAIL" in line and "udp 30901 (default/local)" in line and "tcp 30900" in line, done.stdout


def test_everything_large_gets_through(place: Place) -> None:
    """A datagram as large as the pods' network takes, between pods of different nodes."""
    ip = next(p.ip for p in place.seen().pods if p.node == "pi-2")
    word = "x" * 1300
    assert say("udp", ip, 9001, word, at=place.inside("pi-1")).endswith(word)


def test_a_converged_fleet_is_told_nothing(place: Place) -> None:
    assert place.run("plan", "--detailed-exitcode").returncode == 0
