"""A real node container whose disk is full: who gets requests is changed all the same."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.engine.dataplane.container import node_container
from reconciler.errors import EngineError
from reconciler.lab import Lab
from reconciler.model.traffic import RoutedPort
from tests.contracts.fleets import Real
from tests.contracts.test_data_plane import END, prepare, publish, traffic

pytestmark = pytest.mark.fleet


def test_a_full_disk_keeps_no_pod_among_those_that_get_requests(clean_lab: Lab) -> None:
    ground = Real(clean_lab, "", network=True)
    node = ground.node()
    node.refresh()
    prepare(node)

    def inside(*command: str) -> str:
        return clean_lab.docker("pi-1", "exec", node_container("contract"), "/bin/busybox", *command)

    def rules() -> str:
        inside("sh", "/node", "rules")  # as every ten seconds
        return inside("sh", "-c", "$(cat /run/backend) -w -t nat -S")

    def servers() -> str:
        return inside("sh", "-c", "echo show servers state | socat - UNIX-CONNECT:/net/run/haproxy.sock")

    other = msgspec.structs.replace(END, name="web-2", ip="10.42.1.6")
    plain = traffic(node, END, other)
    (web,) = plain.services
    udp = RoutedPort(port=53, protocol="UDP", endpoints=(END, other))
    both = msgspec.structs.replace(plain, services=(msgspec.structs.replace(web, ports=(*web.ports, udp)),))
    going = msgspec.structs.replace(END, state="draining")
    ports = tuple(msgspec.structs.replace(p, endpoints=(going, other)) for p in both.services[0].ports)
    one = msgspec.structs.replace(both, services=(msgspec.structs.replace(both.services[0], ports=ports),))
    publish(node, both)
    assert END.ip in rules()
    inside("ln", "-s", "/dev/full", "/net/haproxy.cfg.new")
    inside("ln", "-s", "/dev/full", "/net/nat.rules.new")
    with pytest.raises(EngineError, match="No space left"):
        publish(node, one)
    state = node.state()
    assert (state.data_plane, state.traffic, state.uncertain) == ("stale", both, (one,))
    found = [line.split() for line in servers().splitlines() if f" {END.ip} " in line]
    assert found
    assert all(int(server[6]) & 1 for server in found), "in maintenance: it gets nothing new"
    assert END.ip not in rules()
    inside("rm", "/net/haproxy.cfg.new", "/net/nat.rules.new")
    publish(node, one)
    state = node.refresh()
    assert (state.data_plane, state.traffic, state.uncertain) == ("running", one, ())
    assert END.ip not in rules()
    ground.close()
