"""What a delivery changes, as commands: slots, routes by headers, and what the kernel forgets."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.engine.rendering import Change, change, files
from reconciler.model.traffic import Endpoint, HeaderMatch, HeaderRoute, NodeTraffic, RoutedPort, Slot
from tests.engine.rendering.samples import endpoint, service, traffic

WEB = service(endpoint("web-1", "10.42.1.5"))
TO_API = HeaderRoute(name="to", service="api", matches=(HeaderMatch(header="x", value="y"),))
BLUE = endpoint("web-1", "10.42.1.5", slot="a")
GREEN = endpoint("web-2", "10.42.1.6", slot="b")
A, B = endpoint("a", "10.42.1.5"), endpoint("b", "10.42.1.6")


def test_a_switch_is_one_command_for_all_ports_and_ways() -> None:
    ports = tuple(RoutedPort(port=port, http=True, endpoints=(BLUE, GREEN)) for port in (80, 8080))
    web = replace(service(), ports=ports, live="a", internal_local=True, addresses=("192.168.1.11",))
    after = replace(web, live="b")
    assert change(traffic(web), traffic(after)) == Change(
        reload=False, commands=("set map /net/maps/live.map default_web b",)
    )


def test_who_comes_is_there_before_the_switch_and_who_goes_after_it() -> None:
    before = traffic(service(BLUE, http=False, live="a"))
    after = traffic(service(GREEN, http=False, live="b"))
    assert [command.split(" check ")[0] for command in change(before, after).commands] == [
        "add server default_web_80.tcp.b/web-2_10.42.1.6_8080 10.42.1.6:8080",
        "enable health default_web_80.tcp.b/web-2_10.42.1.6_8080",
        "set server default_web_80.tcp.b/web-2_10.42.1.6_8080 state ready",
        "set map /net/maps/live.map default_web b",
        "set server default_web_80.tcp.a/web-1_10.42.1.5_8080 state maint",
        "shutdown sessions server default_web_80.tcp.a/web-1_10.42.1.5_8080",
        "del server default_web_80.tcp.a/web-1_10.42.1.5_8080",
    ]


def test_a_header_route_needs_a_reload_and_endpoints_behind_it_dont() -> None:
    api = service(endpoint("api-1", "10.42.1.8"), name="api", ip="")
    plain, routed = traffic(api, WEB), traffic(api, replace(WEB, header_routes=(TO_API,)))
    assert change(plain, routed).reload
    assert change(routed, plain).reload
    more = service(endpoint("api-1", "10.42.1.8"), endpoint("api-2", "10.42.1.9"), name="api", ip="")
    found = change(routed, traffic(more, *routed.services[1:]))
    assert not found.reload
    assert {command.split("/")[0].split()[-1] for command in found.commands} == {"default_api_80.http"}


def test_the_kernel_sends_udp_to_the_live_slot_and_forgets_the_other_one() -> None:
    def published(live: Slot, *behind: Endpoint, protocol: str = "UDP") -> NodeTraffic:
        outside = service(*behind, name="dns", protocol=protocol, live=live, ip="", port=53, http=False)
        return traffic(replace(outside, external_local=True, addresses=("192.168.1.11",)))

    both = (BLUE, GREEN)
    gone = "--orig-dst 192.168.1.11 --orig-port-dst 53 --dst-nat 10.42.1.5"
    assert change(published("a", *both), published("b", *both)).forget == (f"-D -p udp {gone}",)
    tcp = published("a", *both, protocol="TCP"), published("b", *both, protocol="TCP")
    assert change(*tcp).forget == (), "what is open stays"
    left = published("b", GREEN, protocol="TCP")
    assert change(tcp[1], left).forget == (f"-D -p tcp {gone}",)
    for found, there, other in ((tcp[0], BLUE, GREEN), (tcp[1], GREEN, BLUE)):
        rules = files(found, {})["nat.rules"].decode()
        assert f"--to-destination {there.ip}:" in rules
        assert f"--to-destination {other.ip}:" not in rules


def test_nobody_loses_its_weight_before_another_has_one() -> None:
    """Whatever the names' order: all of the traffic goes from one version to the other without a gap."""
    before = traffic(service(replace(A, weight=100), replace(B, weight=0), http=False))
    after = traffic(service(replace(A, weight=0), replace(B, weight=100), http=False))
    assert change(before, after).commands == (
        "set server default_web_80.tcp/b_10.42.1.6_8080 weight 100",
        "set server default_web_80.tcp/b_10.42.1.6_8080 state ready",
        "set server default_web_80.tcp/a_10.42.1.5_8080 weight 0",
        "set server default_web_80.tcp/a_10.42.1.5_8080 state maint",
    )


def test_the_kernel_forgets_udp_to_who_has_no_weight_any_more_and_keeps_tcp() -> None:
    def published(one: int, other: int, protocol: str) -> NodeTraffic:
        ends = replace(A, weight=one), replace(B, weight=other)
        outside = service(*ends, name="dns", protocol=protocol, ip="", port=53, http=False)
        return traffic(replace(outside, external_local=True, addresses=("192.168.1.11",)))

    gone = "-D -p udp --orig-dst 192.168.1.11 --orig-port-dst 53 --dst-nat 10.42.1.5"
    assert change(published(10, 90, "UDP"), published(0, 100, "UDP")).forget == (gone,)
    assert change(published(10, 90, "TCP"), published(0, 100, "TCP")).forget == ()
    assert change(published(10, 90, "UDP"), published(90, 10, "UDP")).forget == ()
