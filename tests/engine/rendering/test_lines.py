"""The last wall: nothing that is rendered holds what isn't of its form, and no line is two."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.rendering import change, files
from reconciler.engine.rendering.lines import Unrenderable, command, lines, renderable
from reconciler.model.traffic import (
    Certificate,
    Challenge,
    HeaderMatch,
    HeaderRoute,
    Name,
    NodeTraffic,
    Overlay,
)
from tests.engine.rendering.samples import endpoint, ingress, route, service, traffic

EVIL = ("evil\n  x", "evil;x", "evil x", 'evil"x', "evil'x", "evil\0x", "evil\rx", "evil\t#x", "évil{x")

GOOD = traffic(
    service(endpoint("web-1", "10.42.1.7"), node_port=30080),
    service(endpoint("dns-1", "10.42.1.8"), name="dns", ip="10.43.7.8", protocol="UDP"),
    names=(Name(name="web.default.svc.cluster.local", addresses=("10.43.7.7",)),),
    ingress=ingress(
        route("example.net"), certificates=(Certificate(namespace="default", secret="tls", digest="1"),)
    ),
)
WEB = GOOD.services[0]


def told(**fields: Any) -> NodeTraffic:
    return replace(GOOD, **fields)


def web(**fields: Any) -> NodeTraffic:
    return told(services=(replace(WEB, **fields), GOOD.services[1]))


def end(**fields: Any) -> NodeTraffic:
    (port,) = WEB.ports
    ends = (port.endpoints[0], replace(endpoint("web-2", "10.42.1.9"), **fields))
    return web(ports=(replace(port, endpoints=ends),))


def doors(**fields: Any) -> NodeTraffic:
    assert GOOD.ingress is not None
    return told(ingress=replace(GOOD.ingress, **fields))


def forged(evil: str) -> list[NodeTraffic]:
    """One field of one object each."""
    two = (route("example.net"), route("example.org"))
    return [
        end(ip=evil),
        end(name=evil),
        end(node=evil),
        web(ip=evil),
        web(name=evil),
        web(namespace=evil),
        web(addresses=(evil,)),
        web(source_ranges=(evil,)),
        told(names=(*GOOD.names, Name(name=evil, addresses=("10.43.7.7",)))),
        told(names=(*GOOD.names, Name(name="x.example.net", addresses=(evil,)))),
        told(names=(*GOOD.names, Name(name="x.example.net", target=evil))),
        doors(routes=(two[0], replace(two[1], host=evil))),
        doors(routes=(two[0], replace(two[1], service=evil))),
        doors(routes=(two[0], replace(two[1], namespace=evil))),
        doors(routes=(two[0], replace(two[1], ingress=evil))),
        doors(routes=(two[0], replace(two[1], allow=(evil,)))),
        doors(certificates=(Certificate(namespace="default", secret=evil, digest="1"),)),
        doors(challenges=(Challenge(token=evil, answer="a"),)),
        doors(challenges=(Challenge(token="a", answer=evil),)),
    ]


def rendered(value: NodeTraffic) -> str:
    """Every file but the one that only we read, and every command."""
    found = files(value, {"default/tls": b"PEM"})
    commands = change(traffic(service()), value)
    texts = [content.decode() for path, content in found.items() if path != "state.json"]
    return "\n".join([*texts, *commands.commands, *commands.forget])


def test_what_is_of_its_form_is_rendered_as_it_is() -> None:
    assert renderable(GOOD) == (GOOD, ())


@pytest.mark.parametrize("evil", EVIL)
def test_whatever_is_in_a_field_it_is_left_out_and_costs_itself_alone(evil: str) -> None:
    whole = rendered(GOOD)
    assert "web-1" in whole
    for value in forged(evil):
        kept, said = renderable(value)
        text = rendered(kept)
        assert "vil" not in text.replace("devil", ""), value
        assert kept.services[-1] == GOOD.services[1], "another service has its traffic"
        assert all(one.isprintable() for one in said)
    for value in forged(evil)[:3]:
        assert "web-1" in rendered(renderable(value)[0]), "so has another endpoint"


@pytest.mark.parametrize("evil", EVIL)
def test_a_path_and_a_header_may_hold_anything_but_end_no_line(evil: str) -> None:
    match = HeaderMatch(header="x-who", value=evil)
    routes = (HeaderRoute(name=evil, service="dns", matches=(match,)),)
    value = web(header_routes=routes)
    value = replace(value, ingress=ingress(route("example.net", f"/{evil}")))
    kept, _ = renderable(value)
    for line in rendered(kept).splitlines():
        assert not line.lstrip().startswith("x"), line


@pytest.mark.parametrize("field", ["pod_cidr", "pod_range", "dns", "domain", "node"])
def test_where_the_node_s_own_settings_are_wrong_nothing_is_rendered(field: str) -> None:
    with pytest.raises(Unrenderable):
        renderable(told(**{field: "x\ny"}))
    with pytest.raises(Unrenderable):
        renderable(told(overlay=Overlay(address="", peers=("x\ny",))))


def test_a_line_is_one_line_and_a_command_one_command() -> None:
    assert lines(["a b", "ü"]) == "a b\nü\n"
    for two in ("a\nb", "a\rb", "a\0b", "a\x1bb"):
        with pytest.raises(Unrenderable):
            lines([two])
        with pytest.raises(Unrenderable):
            command(two)
    with pytest.raises(Unrenderable):
        command("set server a/b state ready; quit")
