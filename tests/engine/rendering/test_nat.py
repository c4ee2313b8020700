"""What the kernel balances: the rules as text."""

from __future__ import annotations

from reconciler.engine.rendering import files
from reconciler.model.traffic import NodeTraffic
from tests.engine.rendering.samples import endpoint, service, traffic

HERE = endpoint("dns-0", "10.42.1.5", port=53, node="pi-1")
THERE = endpoint("dns-1", "10.42.2.5", port=53, node="pi-2")
DOOR = "-d 10.43.7.7 -p udp --dport 53"


def rules(found: NodeTraffic) -> list[str]:
    """Those of the services, without the chain's name."""
    lines = files(found, {})["nat.rules"].decode().splitlines()
    start = "-A RECONCILER-SVC "
    return [line.removeprefix(start) for line in lines if line.startswith(start) and "10.42.1.1:" not in line]


def test_dns_and_tcp_go_to_the_nodes_own_daemons() -> None:
    assert (
        files(traffic(), {})["nat.rules"].decode()
        == """\
*nat
:RECONCILER-SVC - [0:0]
:RECONCILER-POST - [0:0]
-A RECONCILER-SVC -d 10.43.0.10 -p udp --dport 53 -j DNAT --to-destination 10.42.1.1:15053
-A RECONCILER-SVC -d 10.43.0.10 -p tcp --dport 53 -j DNAT --to-destination 10.42.1.1:15053
-A RECONCILER-SVC -d 10.43.0.0/16 -p tcp -j DNAT --to-destination 10.42.1.1:15000
-A RECONCILER-POST -m mark --mark 0x4000/0x4000 -j MASQUERADE
COMMIT
"""
    )


def test_udp_is_shared_out() -> None:
    third = endpoint("dns-2", "10.42.2.6", port=53, weight=200)
    chance = f"{DOOR} -m statistic --mode random --probability"
    assert rules(traffic(service(HERE, THERE, third, protocol="UDP", port=53))) == [
        f"{DOOR} -j MARK --set-xmark 0x4000/0x4000",
        f"{chance} 0.25000000 -j DNAT --to-destination 10.42.1.5:53",
        f"{chance} 0.33333333 -j DNAT --to-destination 10.42.2.5:53",
        f"{DOOR} -j DNAT --to-destination 10.42.2.6:53",
    ]


def test_a_draining_endpoint_gets_nothing_new_unless_it_is_the_last() -> None:
    leaving = endpoint("dns-1", "10.42.2.5", "draining", port=53)
    assert rules(traffic(service(HERE, leaving, protocol="UDP", port=53)))[1:] == [
        f"{DOOR} -j DNAT --to-destination 10.42.1.5:53"
    ]
    assert rules(traffic(service(leaving, protocol="UDP", port=53)))[1:] == [
        f"{DOOR} -j DNAT --to-destination 10.42.2.5:53"
    ]
    assert rules(traffic(service(protocol="UDP", port=53))) == []


def test_local_means_the_nodes_own_and_keeps_the_clients_address() -> None:
    found = traffic(
        service(
            HERE,
            THERE,
            port=53,
            ip="",
            addresses=("192.168.1.11",),
            external_local=True,
            source_ranges=("192.168.1.0/24", "10.9.0.0/16"),
            http=False,
        )
    )
    door = "-d 192.168.1.11 -p tcp --dport 53"
    half = "-m statistic --mode random --probability 0.50000000"
    expected = []
    for inside in (f"{door} -s 10.42.0.0/16", f"{door} -m addrtype --src-type LOCAL"):
        expected += [
            f"{inside} -j MARK --set-xmark 0x4000/0x4000",
            f"{inside} {half} -j DNAT --to-destination 10.42.1.5:53",
            f"{inside} -j DNAT --to-destination 10.42.2.5:53",
        ]
    expected += [f"-s 192.168.1.0/24,10.9.0.0/16 {door} -j DNAT --to-destination 10.42.1.5:53"]
    assert rules(found) == expected


def test_node_ports_are_those_of_the_nodes_own_addresses() -> None:
    door = "! -d 10.43.0.0/16 -p udp --dport 30053 -m addrtype --dst-type LOCAL"
    assert rules(traffic(service(HERE, ip="", port=53, protocol="UDP", node_port=30053))) == [
        f"{door} -j MARK --set-xmark 0x4000/0x4000",
        f"{door} -j DNAT --to-destination 10.42.1.5:53",
    ]


def test_a_client_comes_back_to_its_endpoint() -> None:
    found = rules(traffic(service(HERE, protocol="UDP", port=53, affinity_seconds=60)))
    mine = f"{DOOR} -m recent --name reconciler-10.42.1.5-53"
    assert found[1:] == [
        f"{mine} --update --seconds 60 --reap -j DNAT --to-destination 10.42.1.5:53",
        f"{mine} --set -j DNAT --to-destination 10.42.1.5:53",
    ]
