"""The fleet's ranges beside what the node reaches already: found before anything is changed."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from reconciler.engine.pods.network import _overlapping

ROUTES = """default via 192.168.1.1 dev eth0
10.42.0.0/16 dev reconciler0 proto kernel scope link src 10.42.1.1
10.43.7.0/24 via 192.168.1.9 dev eth0
172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1
192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.11
unreachable 10.99.0.0/16
"""


@pytest.mark.parametrize(
    ("wanted", "route"),
    [
        ("10.42.0.0/16", ""),
        ("10.43.0.0/16", "10.43.7.0/24 via 192.168.1.9 dev eth0"),
        ("192.168.0.0/16", "192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.11"),
        ("10.50.0.0/16", ""),
    ],
)
def test_a_route_into_a_range_is_a_clash(wanted: str, route: str) -> None:
    assert _overlapping(ROUTES, IPv4Network(wanted)) == route
