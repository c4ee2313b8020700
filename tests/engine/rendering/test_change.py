"""A change, applied to a model of HAProxy's table of servers, is what the new files say."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.engine.rendering import Change, change, files
from reconciler.model.traffic import (
    Certificate,
    Challenge,
    Endpoint,
    HeaderMatch,
    HeaderRoute,
    Name,
    NodeTraffic,
    RoutedPort,
    RoutedService,
)
from tests.engine.rendering.samples import endpoint, ingress, route, service, traffic


class Row(NamedTuple):
    address: str
    weight: str
    ready: bool
    options: str


Table = dict[str, Row]
"""Servers by `backend/name`."""
Live = dict[str, str]
"""What the map says: the slot by service."""


def said(found: NodeTraffic) -> Table:
    """The table that a HAProxy has which starts with these files."""
    table, backend = {}, ""
    for line in files(found, {})["haproxy.cfg"].decode().splitlines():
        match line.split():
            case ["backend", name]:
                backend = name
            case ["server", name, address, "weight", weight, *rest]:
                options = " ".join(word for word in rest if word != "disabled")
                table[f"{backend}/{name}"] = Row(address, weight, "disabled" not in rest, options)
    return table


def said_live(found: NodeTraffic) -> Live:
    text = files(found, {}).get("maps/live.map", b"").decode()
    return dict(line.split(" ") for line in text.splitlines())


def switched(live: Live, command: str) -> Live:
    match command.split():
        case ["set", "map", "/net/maps/live.map", key, slot]:
            assert key in live
            return {**live, key: slot}
    return live


def obey(table: Table, command: str) -> Table:
    """One command, as strictly as HAProxy takes it."""
    match command.split():
        case ["add", "server", name, address, "check", *rest]:
            assert name not in table
            weight = rest.index("weight")
            return {**table, name: Row(address, rest[weight + 1], False, " ".join(rest[weight + 2 :]))}
        case ["enable", "health", name]:
            assert name in table
            return table
        case ["set", "server", name, "weight", weight]:
            return {**table, name: table[name]._replace(weight=weight)}
        case ["set", "server", name, "state", state]:
            return {**table, name: table[name]._replace(ready={"ready": True, "maint": False}[state])}
        case ["shutdown", "sessions", "server", name]:
            assert not table[name].ready
            return table
        case ["del", "server", name]:
            assert not table[name].ready
            return {key: row for key, row in table.items() if key != name}
        case ["set", "map", *_]:
            return table
    raise AssertionError(command)


def served(table: Table, live: Live) -> set[str]:
    """Backends, without their slots, in whose live slot somebody is."""
    found = set()
    for name, row in table.items():
        backend, _, slot = name.split("/")[0].rpartition(".")
        if slot not in ("a", "b"):
            backend, slot = f"{backend}.{slot}", ""
        if row.ready and slot == live.get("_".join(backend.split("_")[:2]), ""):
            found.add(backend)
    return found


endpoints = st.lists(
    st.builds(
        lambda number, state, weight, node, slot: Endpoint(
            name=f"web-{number}",
            ip=f"10.42.1.{number}",
            port=8080,
            state=state,
            weight=weight,
            node=node,
            slot=slot,
        ),
        st.integers(2, 6),
        st.sampled_from(["ready", "draining"]),
        st.sampled_from([0, 1, 100]),
        st.sampled_from(["pi-1", "pi-2"]),
        st.sampled_from(["a", "b"]),
    ),
    max_size=4,
    unique_by=lambda made: made.ip,
).map(tuple)


TO_API = HeaderRoute(name="to", service="api", matches=(HeaderMatch(header="x", value="y"),))


@st.composite
def services(draw: st.DrawFn) -> RoutedService:
    name = draw(st.sampled_from(["web", "api"]))
    ports = draw(st.lists(st.sampled_from([80, 443, 5432]), min_size=1, max_size=2, unique=True))
    return RoutedService(
        namespace="default",
        name=name,
        ip=f"10.43.0.{len(name)}",
        ports=tuple(
            RoutedPort(port=port, http=draw(st.booleans()), endpoints=draw(endpoints)) for port in ports
        ),
        internal_local=draw(st.booleans()),
        proxy_protocol=draw(st.sampled_from(["", "v2"])),
        live=draw(st.sampled_from(["", "a", "b"])),
        header_routes=draw(st.sampled_from([(), (TO_API,)])),
    )


traffics = st.lists(services(), max_size=2, unique_by=lambda made: made.name).map(
    lambda made: traffic(*made, ingress=ingress(route(path="/api", backend_tls=True)))
)


@st.composite
def only_endpoints(draw: st.DrawFn) -> tuple[NodeTraffic, NodeTraffic]:
    before = draw(traffics)
    after = replace(
        before,
        services=tuple(
            replace(
                one,
                ports=tuple(replace(port, endpoints=draw(endpoints)) for port in one.ports),
                live=draw(st.sampled_from(["a", "b"])) if one.live else "",
            )
            for one in before.services
        ),
    )
    return before, after


@given(only_endpoints())
def test_endpoints_change_without_a_reload(pair: tuple[NodeTraffic, NodeTraffic]) -> None:
    before, after = pair
    found = change(before, after)
    assert not found.reload
    table = said(before)
    live = said_live(before)
    always = served(table, live) & served(said(after), said_live(after))
    for command in found.commands:
        table, live = obey(table, command), switched(live, command)
        assert always <= served(table, live), f"{command}: a service is without an endpoint in between"
    assert table == said(after)
    assert live == said_live(after)


@given(traffics, traffics)
def test_before_a_reload_what_stays_is_brought_along(before: NodeTraffic, after: NodeTraffic) -> None:
    table = said(before)
    for command in change(before, after).commands:
        table = obey(table, command)
    wanted = said(after)
    common = {name.split("/")[0] for name in table} & {name.split("/")[0] for name in wanted}
    assert {name: row[:3] for name, row in table.items() if name.split("/")[0] in common} == {
        name: row[:3] for name, row in wanted.items() if name.split("/")[0] in common
    }


@given(traffics)
def test_nothing_changes_for_the_same_traffic(found: NodeTraffic) -> None:
    assert change(found, found) == Change(reload=False)


WEB = service(endpoint("web-1", "10.42.1.5"))
SITE = traffic(WEB, ingress=ingress(route("shop.example.org")))


@pytest.mark.parametrize(
    "after",
    [
        traffic(WEB),
        traffic(replace(WEB, affinity_seconds=60), ingress=SITE.ingress),
        traffic(replace(WEB, proxy_protocol="v1"), ingress=SITE.ingress),
        traffic(replace(WEB, ip="10.43.1.1"), ingress=SITE.ingress),
        traffic(replace(WEB, addresses=("192.168.1.11",)), ingress=SITE.ingress),
        traffic(replace(WEB, ports=(replace(WEB.ports[0], node_port=30080),)), ingress=SITE.ingress),
        traffic(replace(WEB, ports=(replace(WEB.ports[0], http=False),)), ingress=SITE.ingress),
        traffic(replace(WEB, live="a"), ingress=SITE.ingress),
        traffic(WEB, service(name="other"), ingress=SITE.ingress),
        traffic(WEB, ingress=ingress(route("shop.example.org", "/x"))),
        traffic(WEB, ingress=ingress(route("shop.example.org", redirect=True))),
        traffic(
            WEB, ingress=ingress(route("shop.example.org"), challenges=(Challenge(token="a", answer="b"),))
        ),
        traffic(
            WEB,
            ingress=ingress(
                route("shop.example.org"), certificates=(Certificate(namespace="a", secret="b", digest="1"),)
            ),
        ),
    ],
)
def test_everything_else_needs_a_reload(after: NodeTraffic) -> None:
    assert change(SITE, after).reload


def test_another_content_of_a_certificate_needs_a_reload() -> None:
    def with_digest(digest: str) -> NodeTraffic:
        certificate = Certificate(namespace="a", secret="b", digest=digest)
        return traffic(WEB, ingress=ingress(route(), certificates=(certificate,)))

    assert change(with_digest("1"), with_digest("2")).reload


def test_names_and_udp_are_no_business_of_haproxy() -> None:
    udp = service(endpoint("pihole-0", "10.42.1.9"), name="dns", protocol="UDP")
    after = replace(SITE, services=(udp, *SITE.services), names=(Name(name="web", addresses=("10.43.7.7",)),))
    assert not change(SITE, after).reload


def test_the_first_traffic_is_a_start() -> None:
    assert change(None, SITE) == Change(reload=True)


def test_the_order_of_commands() -> None:
    before = traffic(service(endpoint("web-1", "10.42.1.5"), endpoint("web-2", "10.42.1.6"), http=False))
    after = traffic(
        service(
            endpoint("web-1", "10.42.1.5", "draining"), endpoint("web-3", "10.42.2.7", weight=5), http=False
        )
    )
    checks = (
        "inter 10s fastinter 1s downinter 1s fall 2 rise 1 observe layer4 error-limit 1 on-error sudden-death"
        " pool-purge-delay 1s pool-max-conn -1"
    )
    name = "default_web_80.tcp"
    assert change(before, after).commands == (
        f"add server {name}/web-3_10.42.2.7_8080 10.42.2.7:8080 check {checks} weight 5",
        f"enable health {name}/web-3_10.42.2.7_8080",
        f"set server {name}/web-3_10.42.2.7_8080 state ready",
        f"set server {name}/web-1_10.42.1.5_8080 state maint",
        f"set server {name}/web-2_10.42.1.6_8080 state maint",
        f"shutdown sessions server {name}/web-2_10.42.1.6_8080",
        f"del server {name}/web-2_10.42.1.6_8080",
    )


def test_the_kernel_forgets_flows_to_who_is_gone_and_flows_that_found_nobody() -> None:
    def published(*behind: Endpoint) -> NodeTraffic:
        return traffic(service(*behind, name="dns", protocol="UDP", port=53, node_port=30053, http=False))

    one, two = endpoint("dns-0", "10.42.1.5"), endpoint("dns-1", "10.42.2.5")
    draining = endpoint("dns-0", "10.42.1.5", "draining")
    assert change(published(one, two), published(draining, two)).forget == ()
    assert change(published(draining, two), published(two)).forget == (
        "-D -p udp --orig-dst 10.43.7.7 --orig-port-dst 53 --dst-nat 10.42.1.5",
        "-D -p udp --orig-port-dst 30053 --dst-nat 10.42.1.5",
    )
    assert change(published(), published(one)).forget == (
        "-D -p udp --orig-dst 10.43.7.7 --orig-port-dst 53",
        "-D -p udp --orig-port-dst 30053",
    )
