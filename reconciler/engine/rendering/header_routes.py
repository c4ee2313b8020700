"""Requests that go to another service by their headers, as HAProxy's rules.

A route needs a reload to come, change or go; the endpoints behind it don't.

Everything in a match comes from a manifest. It stands in an `acl` line of its own, in quotes that nothing in
it can end, and outside of braces, which a value could close. A regular expression that HAProxy can't read
makes it refuse the file: the node container then puts an ACL that never matches in the place of this one and
complains (node_image/balance.sh), so the route is off and all else is served.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from reconciler.model.base import Value
from reconciler.model.traffic import HeaderRoute, NodeTraffic, RoutedService

Way = Literal["tcp", "http", "https"]

_NAME = re.compile(r"[A-Za-z0-9!#$%&*+.^_`|~-]+")
"""A header's name (RFC 9110, 5.6.2), but for the apostrophe, which nobody uses and HAProxy takes for a
quote."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""No header's value has these (RFC 9110, 5.5), so a match with one never holds."""


class Place(Value):
    """A backend that something leads to: a service's port, spoken to one way; `local`: the node's own
    endpoints.
    """

    namespace: str
    service: str
    port: int
    way: Way
    local: bool = False


class Turn(Value):
    """One route as it applies to one place: from there to `to` where all of `acls` hold."""

    origin: Place
    to: Place
    acls: tuple[tuple[str, str], ...]
    """Name and definition each."""


def turns(traffic: NodeTraffic, places: Sequence[Place]) -> tuple[Turn, ...]:
    """`places` are those that are led to anyway. A route to a service that lacks the port leads nowhere, and
    one that matches on nothing isn't one: the requests go on as if it weren't there.
    """
    with_routes = {(one.namespace, one.name): one for one in traffic.services if one.header_routes}
    if not with_routes:
        return ()
    ports = {
        (service.namespace, service.name, port.port)
        for service in traffic.services
        for port in service.ports
        if port.protocol == "TCP"
    }
    return tuple(
        Turn(origin=place, to=_other(place, route), acls=tuple(_acls(service, number, route)))
        for place in places
        if place.way != "tcp" and (service := with_routes.get((place.namespace, place.service)))
        for number, route in enumerate(service.header_routes)
        if route.matches and (place.namespace, route.service, place.port) in ports
    )


def tested(turns: Sequence[Turn]) -> Iterator[str]:
    """The ACLs' lines, each once."""
    for name, definition in dict(acl for turn in turns for acl in turn.acls).items():
        yield f"acl {name} {definition}"


def asked(turn: Turn) -> str:
    """The condition on the request's headers."""
    return " ".join(name for name, _ in turn.acls)


def _other(place: Place, route: HeaderRoute) -> Place:
    return Place(
        namespace=place.namespace, service=route.service, port=place.port, way=place.way, local=place.local
    )


def _acls(service: RoutedService, number: int, route: HeaderRoute) -> Iterator[tuple[str, str]]:
    label = re.sub(r"[^A-Za-z0-9.-]", "-", route.name)
    for place, match in enumerate(route.matches):
        # The node container reads namespace, service and route out of it.
        name = f"{service.namespace}_{service.name}_{label}_{number}_{place}"
        if not _NAME.fullmatch(match.header) or _UNPRINTABLE.search(match.value):
            yield name, "always_false"
            continue
        fetch = quoted(f"req.fhdr({match.header})")
        if match.how == "regex":
            # By itself it has to be one, too: `a)|(b` is none and would become one in what is around it.
            yield f"{name}_part", f"{fetch} -m reg -- {quoted(match.value)}"
            yield name, f"{fetch} -m reg -- {quoted(_whole(match.value))}"
        else:
            how = "beg" if match.how == "prefix" else "str"
            yield name, f"{fetch} -m {how} -- {quoted(match.value)}"


def _whole(expression: str) -> str:
    return rf"\A(?:{expression})\z"


def quoted(value: str) -> str:
    """One word for HAProxy, whatever is in it: it knows no escapes between single quotes."""
    return "'" + value.replace("'", r"'\''") + "'"
