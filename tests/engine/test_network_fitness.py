"""What `nodes check` makes of what a node and its node container tell about the network."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Network
from typing import Any

import msgspec
import pytest

from reconciler.engine.dataplane.container import VERSION_LABEL, version
from reconciler.engine.dataplane.plane import base
from reconciler.engine.fitness import data_plane, network, node_ports
from reconciler.engine.fitness.data_plane import Inside, answered, haproxy_info, pings, unanswered
from reconciler.engine.fitness.neighbours import Neighbour, own_address
from reconciler.engine.fitness.network_facts import LOOK, Look, Route, look
from reconciler.engine.fitness.report import Check
from reconciler.errors import CommandTimeout
from reconciler.model.fleet import NetworkSpec, NodeSpec
from reconciler.model.traffic import Endpoint, NodeTraffic, RoutedPort, RoutedService

ANSWER = """\
#addresses
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.1.11/24 brd 192.168.1.255 scope global eth0\\       valid_lft forever
#links
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default
2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT
#routes
default via 192.168.1.1 dev eth0
10.42.0.0/16 dev tun0 proto kernel scope link src 10.42.0.9
unreachable 10.99.0.0/16
192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.11
#way
198.51.100.1 via 192.168.1.1 dev eth0 src 192.168.1.11 uid 0
#udp
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  100: 00000000:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 20987 2
  200: 00000000000000000000000000000000:3ACD 00000000000000000000000000000000:0000 07 0
#tcp
  sl  local_address rem_address   st
   0: 0100007F:3A98 00000000:0000 0A 00000000:00000000
   1: 0B01A8C0:0016 0101A8C0:D431 01 00000000:00000000
#modules
nf_nat 49152 3 nft_chain_nat,xt_MASQUERADE, Live 0x0
#loadable
kernel/drivers/net/vxlan/vxlan.ko.xz: kernel/net/ipv4/udp_tunnel.ko.xz
kernel/net/netfilter/xt_statistic.ko.xz: kernel/net/netfilter/x_tables.ko.xz
kernel/net/netfilter/xt_conntrack.ko
complete
#end
"""
ME = Neighbour(name="pi-1", address="192.168.1.11", mtu=1500, pod_cidr="10.42.0.0/24")
OTHER = Neighbour(name="pi-2", address="192.168.1.12", mtu=1500, pod_cidr="10.42.1.0/24")
SEEN = look(ANSWER)
NETWORK = NetworkSpec()


def spec(**more: Any) -> NodeSpec:
    return msgspec.convert({"name": "pi-1", "address": "ssh://root@192.168.1.11:22", **more}, NodeSpec)


def changed(value: Neighbour, **more: Any) -> Neighbour:
    return msgspec.structs.replace(value, **more)


def verdict(check: Check) -> tuple[str, str]:
    assert bool(check.remedy) == (check.status != "ok") or check.status == "warn"
    return check.status, check.found


def test_a_nodes_answer_is_read() -> None:
    assert SEEN.addresses == (("127.0.0.1", "lo"), ("192.168.1.11", "eth0"))
    assert SEEN.mtu_of("192.168.1.11") == 1500
    assert [str(r.to) for r in SEEN.routes] == ["10.42.0.0/16", "10.99.0.0/16", "192.168.1.0/24"]
    assert SEEN.outward == "192.168.1.11"
    assert SEEN.udp == {("0.0.0.0", 4789), ("0.0.0.0", 15053)}
    assert SEEN.tcp == {("127.0.0.1", 15000)}
    assert SEEN.modules == {"nf_nat", "vxlan", "xt_statistic", "xt_conntrack"}
    assert SEEN.knows_modules


def test_a_node_without_ip_tells_little_and_breaks_nothing() -> None:
    assert look("#addresses\n#links\n#udp\n#end\n") == look("") == Look()


@pytest.mark.programs("ip")
def test_the_command_is_one_that_a_shell_takes() -> None:
    done = subprocess.run(["sh", "-c", LOOK], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.endswith("#end\n")
    assert ("127.0.0.1", "lo") in look(done.stdout).addresses


def test_where_a_node_is_reached() -> None:
    assert own_address(spec(internalIP="10.9.9.9"), "10.8.8.8", SEEN) == "10.9.9.9"
    assert own_address(spec(), "10.8.8.8", SEEN) == "10.8.8.8"
    inside = msgspec.structs.replace(SEEN, outward="")
    assert own_address(spec(), "", inside) == "192.168.1.11"
    assert own_address(spec(address="ssh://root@pi.lan"), "", inside) == ""


def test_addresses_are_known_and_distinct() -> None:
    assert verdict(network.address(spec(), SEEN, ME, [OTHER])) == ("ok", "192.168.1.11, on eth0")
    twin = changed(OTHER, address=ME.address)
    assert "also the address of pi-2" in network.address(spec(), SEEN, ME, [twin]).found
    assert network.address(spec(), SEEN, changed(ME, address=""), [OTHER]).status == "fail"
    assert network.address(spec(), SEEN, changed(ME, address=""), []).status == "warn"
    assert network.address(spec(), SEEN, ME, [changed(OTHER, address="")]).status == "warn"
    wrong = network.address(spec(internalIP="192.168.1.99"), SEEN, ME, [OTHER])
    assert (wrong.status, "192.168.1.11" in wrong.remedy) == ("fail", True)


def test_links_carry_what_pods_send() -> None:
    assert verdict(network.link(NETWORK, ME, [OTHER])) == ("ok", "1500 bytes")
    narrow = changed(OTHER, mtu=1400)
    assert network.link(NETWORK, ME, [narrow]).remedy.startswith("in nodes.yaml set spec.network.mtu to 1350")
    assert network.link(NetworkSpec(mtu=1350), ME, [narrow]).status == "ok"
    assert network.link(NetworkSpec(mtu=1450), ME, [narrow]).status == "fail"
    assert network.link(NETWORK, changed(ME, mtu=1200), []).status == "warn"
    assert network.link(NETWORK, changed(ME, mtu=0), []).status == "warn"


def test_what_the_kernel_has() -> None:
    assert verdict(network.kernel(SEEN, several=True)) == ("ok", "NAT and VXLAN can be used")
    few = msgspec.structs.replace(SEEN, modules=SEEN.modules - {"vxlan"})
    assert "linux-modules-extra-raspi" in network.kernel(few, several=True).remedy
    assert network.kernel(few, several=False).status == "ok"
    assert network.kernel(Look(), several=True).status == "ok"


def test_ports_that_somebody_else_has() -> None:
    found = network.ports(NETWORK, SEEN, "10.42.0.0/24", several=True)
    assert found.found == "something else on the node uses UDP 15053, UDP 4789 (VXLAN)"
    free = msgspec.structs.replace(SEEN, udp=frozenset())
    assert network.ports(NETWORK, free, "", several=True).status == "ok"
    own = msgspec.structs.replace(free, tcp=frozenset({("10.42.0.1", 15000)}))
    assert network.ports(NETWORK, own, "10.42.0.0/24", several=True).status == "fail"
    assert network.ports(NetworkSpec(vxlan_port=8472), SEEN, "", several=False).status == "fail"


def test_ranges_that_somebody_else_has() -> None:
    assert (
        "overlaps the node's route by tun0 (10.42.0.0/16)" in network.ranges(NETWORK, SEEN, [], "home").found
    )
    mine = {"Name": "home_pods", "Labels": {"reconciler.io/fleet": "home"}}
    free = msgspec.structs.replace(SEEN, routes=())
    pool = {"IPAM": {"Config": [{"Subnet": "10.43.8.0/24"}, {"Subnet": "fd00::/64"}]}}
    assert network.ranges(NETWORK, free, [{**mine, **pool}], "home").status == "ok"
    clash = network.ranges(NETWORK, free, [{"Name": "compose", **pool}], "home")
    assert 'service range 10.43.0.0/16 overlaps Docker network "compose"' in clash.found
    default = network.ranges(NETWORK, free, [{"Name": "bridge", **pool}], "home")
    assert "can't be removed" in default.remedy and '"bip"' in default.remedy
    pools = {"DefaultAddressPools": [{"Base": "10.42.0.0/15", "Size": 24}, {"Base": "fd00::/8", "Size": 64}]}
    later = network.ranges(NETWORK, free, [], "home", pools)
    assert (later.status, "default-address-pools" in later.remedy) == ("warn", True)
    own = msgspec.structs.replace(free, routes=(Route(to=IPv4Network("10.42.0.0/16"), link="reconciler0"),))
    assert network.ranges(NETWORK, own, [], "home").status == "ok"


def test_how_the_node_container_stands() -> None:
    running = {"Names": ["/home__node"], "State": "running", "Labels": {VERSION_LABEL: version()}}
    assert verdict(data_plane.container(running)) == ("ok", "home__node runs, of this version")
    assert data_plane.container({**running, "Labels": {VERSION_LABEL: "old"}}).status == "warn"
    dead = data_plane.container({**running, "State": "exited", "Status": "Exited (1) 2 minutes ago"})
    assert (dead.status, dead.found) == ("fail", "home__node doesn't run: Exited (1) 2 minutes ago")


class Answers:
    """A node container whose programs answer by the first word that fits the command."""

    def __init__(self, **answers: tuple[int, str]) -> None:
        self._answers = answers

    def exec(self, _: str, command: Any, timeout: float) -> tuple[int, bytes]:
        for word, (code, said) in self._answers.items():
            if word in " ".join(command):
                return code, said.encode()
        raise CommandTimeout(f"the command didn't end within {timeout:g} s", node="pi-1")


def inside(*others: Neighbour, **answers: tuple[int, str]) -> Inside:
    engine: Any = Answers(**answers)
    return Inside(engine, "home__node", NETWORK, ME, others)


LINKS = "9: reconciler1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master reconciler0"


def test_the_overlay_carries_full_packets() -> None:
    fine = inside(OTHER, link=(0, LINKS), ping=(0, "large 10.42.1.1\n"))
    assert verdict(data_plane.overlay(fine)) == ("ok", "1 of 1 nodes answer packets of 1450 bytes over VXLAN")
    silent = data_plane.overlay(inside(OTHER, link=(0, LINKS), ping=(0, "")))
    assert silent.found == "no answer over VXLAN from pi-2"
    assert "UDP 4789" in silent.remedy
    small = data_plane.overlay(inside(OTHER, link=(0, LINKS), ping=(0, "small 10.42.1.1\n")))
    assert "pi-2 answers small packets only" in small.found
    narrow = changed(OTHER, mtu=1400)
    cut = data_plane.overlay(inside(narrow, link=(0, LINKS), ping=(0, "large 10.42.1.1\n")))
    assert (cut.status, "spec.network.mtu to 1350" in cut.remedy) == ("fail", True)
    assert data_plane.overlay(inside(OTHER, link=(0, "1: lo: <UP> mtu 65536 q"))).status == "fail"
    assert data_plane.overlay(inside(Neighbour(name="pi-3", error="it is off"))).status == "ok"


@pytest.mark.programs
def test_pings_of_all_at_once() -> None:
    script = pings(["10.42.1.1", "10.42.2.1"], 1450)
    assert script.endswith("one 10.42.1.1 & one 10.42.2.1 & wait")
    assert "-s 1422 $1" in script
    peers = {"10.42.1.1": "a", "10.42.2.1": "b", "10.42.3.1": "c"}
    assert unanswered("large 10.42.1.1\nsmall 10.42.2.1\n", peers) == (("c",), ("b",))
    stub = f"ping() {{ case $7 in 10.42.2.1) test $6 -lt 1000;; *) true;; esac; }}; {script}"
    told = subprocess.run(["sh", "-c", stub], capture_output=True, text=True, timeout=20, check=True).stdout
    assert sorted(told.splitlines()) == ["large 10.42.1.1", "small 10.42.2.1"]


NSLOOKUP = {
    "Server:\t\t10.43.0.10\nAddress:\t10.43.0.10:53\n\n** server can't find x: NXDOMAIN\n": True,
    "Server:\t\t10.43.0.10\nAddress:\t10.43.0.10:53\n\nName:\tx\nAddress: 10.43.0.1\n": True,
    "Server:\t\t10.43.0.10\nAddress:\t10.43.0.10:53\n\n*** Can't find x: No answer\n": True,
    ";; connection timed out; no servers could be reached\n": False,
    "nslookup: can't connect to remote host (10.43.0.10): Connection refused\n": False,
    "": False,
}


@pytest.mark.parametrize(("said", "yes"), NSLOOKUP.items())
def test_what_counts_as_an_answer_of_dns(said: str, yes: bool) -> None:
    assert answered(said) is yes
    assert (data_plane.dns(inside(nslookup=(0, said))).status == "ok") is yes


def test_the_proxy_and_nat() -> None:
    info = "Name: HAProxy\nVersion: 2.6.12-1+deb12u1\nCurrConns: 7\n"
    assert haproxy_info(info)["CurrConns"] == "7"
    said = "HAProxy 2.6.12-1+deb12u1, 7 connections at present"
    assert verdict(data_plane.proxy(inside(socat=(0, info)))) == ("ok", said)
    refused = data_plane.proxy(inside(socat=(1, "socat E connect: Connection refused\n")))
    assert refused.found.endswith("Connection refused")
    assert data_plane.proxy(inside()).status == "fail"
    found = data_plane.nat(inside(iptables=(0, "Warning: legacy tables\niptables-nft\n")))
    assert verdict(found) == ("ok", "the rules are there (iptables-nft)")
    assert data_plane.nat(inside(iptables=(3, "modprobe: FATAL\ncan't initialize table\n"))).status == "fail"


@pytest.mark.programs
def test_our_chains_are_looked_for_in_both_iptables() -> None:
    def told(nft: str, legacy: str) -> tuple[int, str]:
        stubs = f"iptables-nft() {{ {nft}; }}; iptables-legacy() {{ {legacy}; }}"
        stubs = stubs.replace("iptables-", "iptables_")
        script = stubs + data_plane.FIND_CHAINS.replace("iptables-", "iptables_")
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout

    none, ours = "echo '-P PREROUTING ACCEPT'", "echo '-P INPUT ACCEPT'; echo '-N RECONCILER-SVC'"
    assert told(none, ours) == (0, "-P PREROUTING ACCEPT\niptables_legacy\n")
    assert told(ours, none) == (0, "iptables_nft\n")
    assert told("false", "echo no table; false") == (1, "\nno table\n")


def told(**ports: Any) -> NodeTraffic:
    """A service `dns` with one UDP NodePort and one TCP; `ports` belongs to the service."""
    ends = (Endpoint(name="a", ip="10.42.0.9", port=53, node="pi-1"),)
    two = tuple(
        RoutedPort(port=53, protocol=p, node_port=n, endpoints=ends)  # type: ignore[arg-type]
        for p, n in (("UDP", 30053), ("TCP", 30054))
    )
    service = RoutedService(namespace="default", name="dns", ip="10.43.0.9", ports=two, **ports)
    return msgspec.structs.replace(base("pi-1", NETWORK, "10.42.0.0/24"), services=(service,))


def test_which_node_ports_the_kernel_balances() -> None:
    numbers = [way.number for way in node_ports.ways(told())]
    assert numbers == [30053]
    assert [way.number for way in node_ports.ways(told(external_local=True))] == [30053, 30054]
    elsewhere = msgspec.structs.replace(told(external_local=True), node="pi-2")
    assert node_ports.ways(elsewhere) == ()


def test_a_packet_that_passed_is_in_the_kernels_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_ports.random, "choice", lambda _: 20007)
    ways = node_ports.ways(told(external_local=True))
    entry = "udp 17 29 src=192.168.1.12 dst=192.168.1.11 sport=20007 dport=30053 [UNREPLIED] src=10.42.0.9"
    asked: list[str] = []

    def ask(*command: str) -> tuple[int, str]:
        asked.append(command[-1])
        return 0, ""

    barred = node_ports.node_ports(inside(OTHER, udp=(0, entry), tcp=(0, "")), ways, OTHER, ask)
    assert verdict(barred) == ("fail", "packets from pi-2 to tcp 30054 (default/dns) don't get to a pod")
    assert "UDP4-SENDTO:192.168.1.11:30053,sourceport=20007" in asked[0]
    fine = node_ports.node_ports(inside(OTHER, conntrack=(0, entry)), ways, OTHER, ask)
    assert verdict(fine) == ("ok", "udp 30053, tcp 30054 lead to pods, tried from pi-2")
