"""How a running HAProxy comes from one traffic to the next: by commands where they suffice, else by a reload.

What commands can do is endpoints, and which slot is live. Whether anything else changed is found
by rendering both without these, so a new feature of the rendering can't be forgotten here.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from reconciler.engine.rendering.backends import Backend, Server, backends, options
from reconciler.engine.rendering.basis import CHECKS
from reconciler.engine.rendering.files import haproxy
from reconciler.engine.rendering.forget import forget
from reconciler.engine.rendering.lines import command
from reconciler.engine.rendering.slots import SLOTS, switches
from reconciler.model.base import Value
from reconciler.model.traffic import Endpoint, NodeTraffic


class Change(Value):
    """`commands` go to the running HAProxy in this order, one at a time, also before a reload: what it keeps
    then serves with the endpoints of now. `del server` may have to be repeated until the sessions that were
    shut down are gone. `forget` are arguments of conntrack, one deletion each; that there is nothing to
    delete is no failure.
    """

    reload: bool
    commands: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()


def change(before: NodeTraffic | None, after: NodeTraffic) -> Change:
    """With nothing before it, there is a HAProxy to start and nothing to tell it."""
    if before is None:
        return Change(reload=True)
    pairs = _pairs(before, after)
    # Who comes is there before who goes: a service that has an endpoint is never without one.
    commands = [line for was, now in pairs for line in _coming(was, now)]
    commands += switches(before, after)
    commands += [line for was, now in pairs for line in _leaving(was, now)]
    commands += [line for was, now in pairs for line in _gone(was, now)]
    told = tuple(map(command, commands))
    return Change(reload=_anew(before, after), commands=told, forget=forget(before, after))


def _pairs(before: NodeTraffic, after: NodeTraffic) -> list[tuple[Backend, Backend]]:
    """The backends that both have, of services that aren't the same: of many, mostly one."""
    known = {(service.namespace, service.name): service for service in before.services}
    moved = tuple(one for one in after.services if known.get((one.namespace, one.name)) != one)
    were = tuple(known[key] for one in moved if (key := (one.namespace, one.name)) in known)
    old = {backend.name: backend for backend in backends(before, were)}
    return [(old[new.name], new) for new in backends(after, moved) if new.name in old]


def _coming(was: Backend, now: Backend) -> Iterator[str]:
    known = _by_name(was)
    for server in now.servers:
        name = f"{now.name}/{server.name}"
        before = known.get(server.name)
        if before is None:
            said = f"check {CHECKS} weight {server.weight}{options(now, server)}"
            yield f"add server {name} {server.address} {said}"
            yield f"enable health {name}"
        elif server.weight and before.weight != server.weight:
            yield f"set server {name} weight {server.weight}"
        if not server.maintenance and (before is None or before.maintenance):
            yield f"set server {name} state ready"


def _leaving(was: Backend, now: Backend) -> Iterator[str]:
    after = _by_name(now)
    for server in was.servers:
        kept = after.get(server.name)
        if kept is not None and server.weight and not kept.weight:
            yield f"set server {now.name}/{server.name} weight 0"
        if kept is None or (kept.maintenance and not server.maintenance):
            yield f"set server {now.name}/{server.name} state maint"


def _gone(was: Backend, now: Backend) -> Iterator[str]:
    after = _by_name(now)
    for server in was.servers:
        if server.name not in after:
            yield f"shutdown sessions server {now.name}/{server.name}"
            yield f"del server {now.name}/{server.name}"


def _by_name(backend: Backend) -> dict[str, Server]:
    return {server.name: server for server in backend.servers}


def _anew(before: NodeTraffic, after: NodeTraffic) -> bool:
    """Does HAProxy have to read its files anew? What is the same need not be rendered to see that it is."""
    old, new = _without_endpoints(before), _without_endpoints(after)
    return old != new and _skeleton(old) != _skeleton(new)


def _without_endpoints(traffic: NodeTraffic) -> NodeTraffic:
    """One endpoint stands for all of a port, so that what is said of each server is in it, too. Which slot is
    live doesn't matter; that there are slots does.
    """
    any_one = Endpoint(name="any", ip="192.0.2.1", port=1, node=traffic.node)
    of_slots = tuple(replace(any_one, slot=slot) for slot in SLOTS)
    services = tuple(
        replace(
            service,
            live="a" if service.live else "",
            ports=tuple(
                replace(port, endpoints=of_slots if service.live else (any_one,)) for port in service.ports
            ),
        )
        for service in traffic.services
    )
    return replace(traffic, services=services)


def _skeleton(traffic: NodeTraffic) -> object:
    """All that HAProxy reads only when it starts. The certificates are in it by their digests."""
    certificates = traffic.ingress.certificates if traffic.ingress else ()
    names = frozenset(f"{one.namespace}/{one.secret}" for one in certificates)
    return haproxy(traffic, names), certificates
