"""The files as text, and HAProxy's own opinion of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from reconciler.engine.rendering import files
from reconciler.model.traffic import Certificate, Challenge, HeaderMatch, HeaderRoute, NodeTraffic
from tests.engine.rendering.proxy import check
from tests.engine.rendering.samples import endpoint, ingress, route, service, traffic

WEB = (endpoint("web-1", "10.42.1.5"), endpoint("web-2", "10.42.2.5", "draining", node="pi-2", weight=5))
MANY = tuple(f"10.{number}.0.0/16" for number in range(100))
"""More ranges than HAProxy takes words in one line."""
ROUTE_OF_MANY = HeaderRoute(
    name="many",
    service="v1",
    matches=tuple(HeaderMatch(header=f"x-{n}", value="a", how="exact") for n in range(32)),
)
"""As many headers as a manifest may have."""


def config(found: NodeTraffic) -> str:
    """haproxy.cfg after its `defaults`."""
    text = files(found, {})["haproxy.cfg"].decode()
    return text[text.index("\nfrontend ") + 1 :]


def section(found: NodeTraffic, name: str) -> str:
    return next(part for part in config(found).split("\n\n") if part.startswith(name)).rstrip()


def test_the_way_into_services() -> None:
    assert (
        section(traffic(service(*WEB)), "frontend services")
        == """\
frontend services
  bind 10.42.1.1:15000
  bind unix@/net/run/on-services accept-proxy user haproxy
  tcp-request inspect-delay 3s
  tcp-request content set-var-fmt(txn.key) "%[dst]:%[dst_port]"
  tcp-request content set-var(txn.tcp) var(txn.key),map_str(/net/maps/services.map)
  tcp-request content reject unless { var(txn.tcp) -m found }
  tcp-request content set-var(txn.http) var(txn.tcp),map_str(/net/maps/http.map)
  tcp-request content accept unless { var(txn.http) -m found }
  tcp-request content accept if HTTP
  use_backend onward.services if { stopping } { var(txn.http) -m found } HTTP \
!{ req.payload(0,4) -m str "PRI " }
  use_backend %[var(txn.http)] if { var(txn.http) -m found } HTTP !{ req.payload(0,4) -m str "PRI " }
  use_backend %[var(txn.tcp)]"""
    )


def test_a_ports_backends() -> None:
    text = config(traffic(service(*WEB)))
    assert (
        text[text.index("\nbackend default") + 1 :]
        == """\
backend default_web_80.tcp
  server web-1_10.42.1.5_8080 10.42.1.5:8080 weight 100
  server web-2_10.42.2.5_8080 10.42.2.5:8080 weight 5 disabled

backend default_web_80.http
  mode http
  option forwardfor
  option accept-invalid-http-response
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless { method GET HEAD OPTIONS }
  http-after-response set-header Connection close if { stopping }
  server web-1_10.42.1.5_8080 10.42.1.5:8080 weight 100
  server web-2_10.42.2.5_8080 10.42.2.5:8080 weight 5 disabled
"""
    )


def test_policy_local_affinity_and_proxy_protocol() -> None:
    local = service(*WEB, http=False, internal_local=True, affinity_seconds=60, proxy_protocol="v2")
    text = config(traffic(local))
    assert (
        text[text.index("\nbackend default") + 1 :]
        == """\
backend default_web_80.local.tcp
  balance source
  hash-type consistent
  stick-table type ip size 20k expire 60s
  stick on src
  server web-1_10.42.1.5_8080 10.42.1.5:8080 weight 100 send-proxy-v2 id 1236510024
"""
    )
    assert files(traffic(local), {})["maps/services.map"] == b"10.43.7.7:80 default_web_80.local.tcp\n"


def test_a_service_with_slots_has_backends_for_both_and_a_line_of_the_map() -> None:
    found = traffic(
        service(endpoint("web-1", "10.42.1.5", slot="b"), live="b"),
        service(*WEB, name="web:split", ip=""),
        ingress=ingress(route(service="web:split")),
    )
    assert [line for line in config(found).splitlines() if line.startswith("backend default")] == [
        "backend default_web_80.tcp.a",
        "backend default_web_80.tcp.b",
        "backend default_web_80.http.a",
        "backend default_web_80.http.b",
        "backend default_web:split_80.http",
    ]
    assert files(found, {})["maps/live.map"] == b"default_web b\n"
    assert files(found, {})["maps/services.map"] == b"10.43.7.7:80 default_web_80.tcp\n"
    live = "field(1,_,2),map_str(/net/maps/live.map)"
    http = '{ var(txn.http) -m found } HTTP !{ req.payload(0,4) -m str "PRI " }'
    slot = f"{{ var(txn.http),{live} -m found }}"
    assert section(found, "frontend services").splitlines()[-4:] == [
        f"  use_backend %[var(txn.http)].%[var(txn.http),{live}] if {http} {slot}",
        f"  use_backend %[var(txn.http)] if {http}",
        f"  use_backend %[var(txn.tcp)].%[var(txn.tcp),{live}] if {{ var(txn.tcp),{live} -m found }}",
        "  use_backend %[var(txn.tcp)]",
    ]
    assert section(found, "frontend ingress_http").splitlines()[-4:] == [
        "  http-request set-var(txn.led) var(txn.route),map_str(/net/maps/routes.map)",
        "  use_backend onward.ingress_http if { stopping }",
        f"  use_backend %[var(txn.led)].%[var(txn.led),{live}] if {{ var(txn.led),{live} -m found }}",
        "  use_backend %[var(txn.led)]",
    ]


def test_a_header_route_is_an_acl_in_quotes_and_a_turn() -> None:
    matches = (
        HeaderMatch(header="X-A", value="it's } x", how="prefix"),
        HeaderMatch(header="X-B", value="a|b", how="regex"),
    )
    canary = HeaderRoute(name="to canary", service="api", matches=matches)
    found = traffic(
        service(*WEB, header_routes=(canary,)), service(*WEB, name="api", ip=""), ingress=ingress(route())
    )
    acls = [
        r"  acl default_web_to-canary_0_0 'req.fhdr(X-A)' -m beg -- 'it'\''s } x'",
        "  acl default_web_to-canary_0_1_part 'req.fhdr(X-B)' -m reg -- 'a|b'",
        r"  acl default_web_to-canary_0_1 'req.fhdr(X-B)' -m reg -- '\A(?:a|b)\z'",
    ]
    names = "default_web_to-canary_0_0 default_web_to-canary_0_1_part default_web_to-canary_0_1"
    turn = "set-var(txn.to) str(default_api_80.http) if !{ var(txn.to) -m found }"
    http = 'HTTP !{ req.payload(0,4) -m str "PRI " }'
    services = section(found, "frontend services").splitlines()
    start = services.index(acls[0])
    assert services[start : start + 6] == [
        *acls,
        f"  tcp-request content {turn} {{ var(txn.http) -m str default_web_80.http }} {http} {names}",
        "  tcp-request content set-var(txn.http) var(txn.to) if { var(txn.to) -m found }",
        "  tcp-request content accept if HTTP",
    ]
    assert "set-timeout server" in section(found, "backend default_api_80.http"), (
        "the Ingress' limit goes along"
    )
    site = section(found, "frontend ingress_http").splitlines()
    assert site[-7:] == [
        *acls,
        f"  http-request {turn} {{ var(txn.led) -m str default_web_80.http }} {names}",
        "  http-request set-var(txn.led) var(txn.to) if { var(txn.to) -m found }",
        "  use_backend onward.ingress_http if { stopping }",
        "  use_backend %[var(txn.led)]",
    ]


def test_a_bind_stands_on_its_own_line() -> None:
    ports = section(traffic(service(*WEB, node_port=30080)), "frontend node_ports").splitlines()
    assert ports[1] == "  bind :30080"
    named = traffic(service(*WEB, addresses=("192.168.1.11",), source_ranges=("10.0.0.0/8",)))
    addresses = section(named, "frontend addresses").splitlines()
    assert addresses[1] == "  bind 192.168.1.11:80 transparent"
    assert addresses[3:7] == [
        "  acl to_default_web dst 192.168.1.11",
        "  acl at_default_web dst_port 80",
        "  acl from_default_web src 10.0.0.0/8",
        "  tcp-request connection reject if to_default_web at_default_web !from_default_web",
    ]


def test_policy_local_from_outside_is_left_to_the_kernel() -> None:
    outside = service(*WEB, node_port=30080, addresses=("192.168.1.11",), external_local=True)
    found = files(traffic(outside), {})
    assert found["maps/node_ports.map"] == found["maps/addresses.map"] == b""
    assert b"frontend node_ports" not in found["haproxy.cfg"]


def test_settings_for_the_script() -> None:
    assert (
        files(traffic(), {})["network"].decode()
        == """\
POD_RANGE='10.42.0.0/16'
POD_CIDR='10.42.1.0/24'
GATEWAY='10.42.1.1'
SERVICE_RANGE='10.43.0.0/16'
DNS='10.43.0.10'
DOMAIN='cluster.local'
ADDRESS='192.168.1.11'
PEERS='192.168.1.12'
VXLAN_ID='4242'
VXLAN_PORT='4789'
MTU='0'
"""
    )


def test_the_traffic_can_be_read_back() -> None:
    found = traffic(service(*WEB), ingress=ingress(route()))
    assert msgspec.json.decode(files(found, {})["state.json"], type=NodeTraffic) == found


def test_without_its_certificate_there_is_no_https() -> None:
    named = Certificate(namespace="default", secret="shop", digest="1")
    found = traffic(service(*WEB), ingress=ingress(route(redirect=True), certificates=(named,)))
    without, given = files(found, {}), files(found, {"default/shop": b"pem", "default/unused": b""})
    assert b"ingress_https" not in without["haproxy.cfg"] and b"redirect" not in without["haproxy.cfg"]
    assert given["certs/default_shop.pem"] == b"pem"
    assert given["certs/list"] == b"/net/certs/default_shop.pem\n"
    assert [path for path in given if path.startswith("certs/")] == ["certs/list", "certs/default_shop.pem"]


@pytest.mark.programs("haproxy")
@pytest.mark.parametrize(
    "found",
    [
        traffic(),
        traffic(service(), service(*WEB, name="db", ip="10.43.7.8", http=False, affinity_seconds=9)),
        traffic(
            service(*WEB, node_port=30080, addresses=("192.168.1.11",), source_ranges=MANY),
            service(*WEB, name="v1", ip="10.43.7.8", proxy_protocol="v1", internal_local=True),
            ingress=ingress(
                route("*.example.org", "/a b", allow=(*MANY, "fd00::/8"), timeout_seconds=3),
                route("", "/", "v1", backend_tls=True, exact=True),
                challenges=(Challenge(token="a", answer="a.b"),),
            ),
        ),
        traffic(
            service(
                *WEB,
                node_port=30080,
                internal_local=True,
                live="a",
                affinity_seconds=9,
                header_routes=(
                    HeaderRoute(
                        name="x", service="v1", matches=(HeaderMatch(header="x", value="(a|b)", how="regex"),)
                    ),
                ),
            ),
            service(*WEB, name="db", header_routes=(ROUTE_OF_MANY,)),
            service(*WEB, name="v1", ip="", live="b", http=False),
            service(*WEB, name="v1:split", ip="", http=False),
            ingress=ingress(route("", "/", "v1:split"), route("", "/x", backend_tls=True)),
        ),
    ],
)
def test_haproxy_takes_it_without_a_warning(tmp_path: Path, found: NodeTraffic) -> None:
    assert check(tmp_path, found) == ""
