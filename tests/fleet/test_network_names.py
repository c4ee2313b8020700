"""DNS on real nodes: who is found under which name, how soon, and what a pod's own settings make of it."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.networking import ALL_PORTS, Place, app, service
from tests.fleet.plugin import restore
from tests.fleet.say import addresses
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

OUTSIDE = "192.0.2.7"
NAMES = {"printer.example.org": OUTSIDE}

UNREADY = "selector: {name: slow}, clusterIP: None, ports: [{port: 80}]"
OWN = "{nameservers: [10.43.0.10], searches: [default.svc.cluster.local]}"


def bare(name: str, image: str, spec: str, never_ready: str = "") -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{name: {name}}}}}
spec:
  terminationGracePeriodSeconds: 1
  {spec}
  containers: [{{name: app, image: {image}{never_ready}}}]
"""


def manifests(image: str, replicas: int = 3, more: str = "") -> str:
    return "".join(
        [
            app(image, replicas=replicas, pod="      subdomain: pods"),
            service("app", f"selector: {{app: app}}, {ALL_PORTS}"),
            service("pods", "selector: {app: app}, clusterIP: None, ports: [{port: 80}]"),
            bare("named", image, "hostname: first\n  subdomain: family"),
            service("family", "selector: {name: named}, clusterIP: None, ports: [{port: 80}]"),
            bare("slow", image, "subdomain: early", ", readinessProbe: {tcpSocket: {port: 7}}"),
            service("early", f"{UNREADY}, publishNotReadyAddresses: true"),
            service("late", UNREADY),
            bare("outsider", image, "dnsPolicy: Default"),
            bare("own", image, f"dnsPolicy: None\n  dnsConfig: {OWN}"),
            bare("guest", image, "hostNetwork: true\n  dnsPolicy: ClusterFirstWithHostNet"),
            more,
        ]
    )


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The nodes ask a name server that stands in their LAN."""
    root = tmp_path_factory.mktemp("names")
    restore(lab)
    with ExitStack() as stack:
        stack.enter_context(name_server(lab.state.gateway))
        stack.enter_context(asking(lab, lab.state.gateway, root))
        yield stack.enter_context(unready(lab, root, manifests(apps["app:v1"])))


@contextmanager
def unready(lab: Lab, root: Path, text: str) -> Iterator[Place]:
    """One of the pods never becomes ready: the network is there all the same."""
    place = Place(lab, root)
    place.write(text, "all.yaml")
    try:
        with place.serve():
            until(lambda: len(ready(place)) == 7, "all others are ready", place.tell, 90)
            until(lambda: all(told(place, node.name) for node in lab.nodes), "all know names", place.tell, 60)
            yield place
    finally:
        restore(lab)


def told(place: Place, node: str) -> bool:
    """Of all pods that have names: they are ready, or begin, before these are known."""
    at, ips = on(place, node), place.pod_ips()
    wanted = {"pods": sorted(ready(place, "app-")), "family": [ips["named"]], "early": [ips.get("slow", "")]}
    return all(addresses(name, at=at) == found for name, found in wanted.items())


def ready(place: Place, prefix: str = "") -> set[str]:
    """Addresses of ready pods."""
    return {p.ip for p in place.seen().pods if p.ready == p.containers and p.name.startswith(prefix)}


@contextmanager
def name_server(ip: str) -> Iterator[None]:
    """Knows the LAN's few names, and that there are no others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((ip, 53))
        server.settimeout(0.2)
        end = threading.Event()
        thread = threading.Thread(target=answer_all, args=(server, end))
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


def answer_all(server: socket.socket, end: threading.Event) -> None:
    while not end.is_set():
        try:
            question, client = server.recvfrom(512)
        except TimeoutError:
            continue
        server.sendto(answer(question), client)


def answer(question: bytes) -> bytes:
    """RFC 1035, section 4: the question again, and an A record where there is one."""
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode())
        at += 1 + length
    asked = question[12 : at + 5]
    ip = NAMES.get(".".join(labels).lower())
    found = ip is not None and struct.unpack("!H", asked[-4:-2])[0] == 1
    record = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 5, 4, socket.inet_aton(ip or "0.0.0.0")) if found else b""
    flags = 0x8180 if ip is not None else 0x8183
    return question[:2] + struct.pack("!HHHHH", flags, 1, int(found), 0, 0) + asked + record


@contextmanager
def asking(lab: Lab, ip: str, root: Path) -> Iterator[None]:
    conf = root / "resolv.conf"
    conf.write_text(f"nameserver {ip}\n")
    for node in lab.nodes:
        lab.exec(node.name, ["mount", "--bind", str(conf), "/etc/resolv.conf"])
    try:
        yield
    finally:
        for node in lab.nodes:
            lab.exec(node.name, ["umount", "/etc/resolv.conf"])


def inside(place: Place, pod: str) -> list[str]:
    found = next(p for p in place.pods() if p.pod == pod and p.name.endswith("_app"))
    return place.lab.entering_container(found.node, found.name)


def on(place: Place, node: str) -> list[str]:
    """A pod there that asks the fleet."""
    found = next(p for p in place.pods(node) if p.pod.startswith("app-"))
    return place.lab.entering_container(node, found.name)


def test_a_name_of_the_outside_is_asked_for_outside(place: Place) -> None:
    for node in place.lab.nodes:
        assert addresses("printer.example.org", at=on(place, node.name)) == [OUTSIDE]
    assert addresses("nobody.example.org", at=on(place, "pi-1")) == []


def test_a_pod_has_a_name_by_its_hostname_and_subdomain(place: Place) -> None:
    ip = place.pod_ips()["named"]
    for name in ("first.family", "first.family.default.svc.cluster.local"):
        assert addresses(name, at=on(place, "pi-2")) == [ip]


def test_pods_that_are_not_ready_are_found_where_that_was_asked_for(place: Place) -> None:
    at = on(place, "pi-3")
    assert addresses("early", at=at) == [place.pod_ips()["slow"]]
    assert addresses("late", at=at) == []


def test_default_is_the_nodes_own_name_server(place: Place) -> None:
    at = inside(place, "outsider")
    assert addresses("printer.example.org", at=at) == [OUTSIDE]
    assert addresses("app.default.svc.cluster.local", at=at) == []


def test_none_is_what_the_pod_says_itself(place: Place) -> None:
    assert addresses("app", at=inside(place, "own")) == [place.ip("app")]
    assert addresses("app.default", at=inside(place, "own")) == []


def test_a_pod_on_the_hosts_network_asks_the_fleet_where_it_wants_to(place: Place) -> None:
    at = inside(place, "guest")
    assert addresses("app", at=at) == [place.ip("app")]
    assert addresses("printer.example.org", at=at) == [OUTSIDE]


def test_a_headless_name_follows_its_pods_at_once(place: Place, apps: dict[str, str]) -> None:
    at = on(place, "pi-1")
    for replicas in (5, 3):
        place.write(manifests(apps["app:v1"], replicas), "all.yaml")
        until(lambda n=replicas: len(ready(place, "app-")) == n, "the pods are", place.tell, 40)  # type: ignore[misc]
        wanted = sorted(ready(place, "app-"))
        lag = until(lambda w=wanted: addresses("pods", at=at) == w, "the name is", place.tell, 10)  # type: ignore[misc]
        print(f"to {replicas}: {lag:.2f} s")
        assert lag < 5.0  # on a busy machine; else a fifth of a second


def test_a_new_services_name_is_known_on_every_node_at_once(place: Place, apps: dict[str, str]) -> None:
    text = manifests(apps["app:v1"], 3, service("fresh", f"selector: {{app: app}}, {ALL_PORTS}"))
    place.write(text, "all.yaml")
    until(lambda: any(s.name == "fresh" for s in place.seen().services), "it is wanted", place.tell)
    began = time.monotonic()
    for node in place.lab.nodes:
        at = on(place, node.name)
        until(lambda at=at: addresses("fresh", at=at) != [], f"{node.name} knows it", place.tell, 10)  # type: ignore[misc]
    print(f"everywhere: {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 10.0
