"""Examines one node, from the outside in: reach, host key, login, Docker, forwarding, capacity, network.

Leaves nothing changed. Each check says what was found and, unless all is well, what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from reconciler.engine.connection.address import Endpoint, Route, route
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.connect import greet, shown_key
from reconciler.engine.connection.local import LocalLink
from reconciler.engine.fitness import checks, data_plane, engine_settings, neighbours, node_ports
from reconciler.engine.fitness import network as fit
from reconciler.engine.fitness.neighbours import Neighbour
from reconciler.engine.fitness.report import Check, Report, Status, unforeseen
from reconciler.errors import ReconcilerError
from reconciler.model.fleet import Fleet, NodeSpec

if TYPE_CHECKING:
    from reconciler.engine.connection.link import Link
    from reconciler.engine.connection.transport import Transport

TIMEOUT = 10.0


class _Blocked(Exception):
    """What comes after this check can't be asked."""


class _Sheet:
    """Collects checks; a failure becomes one, also one of ours: the other nodes are examined all the same."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def add(self, name: str, status: Status, found: str, remedy: str = "") -> None:
        self.checks.append(Check(name=name, status=status, found=found, remedy=remedy))

    @contextmanager
    def step(self, name: str, *, blocking: bool = False) -> Iterator[None]:
        try:
            yield
        except ReconcilerError as error:
            self.add(name, "fail", error.message, error.remedy)
            if blocking:
                raise _Blocked from error
        except _Blocked:
            raise
        except Exception as error:
            self.add(name, "fail", *unforeseen(error))
            if blocking:
                raise _Blocked from error


def examine(spec: NodeSpec, fleet: Fleet | None = None, known: tuple[Neighbour, ...] = ()) -> Report:
    """Never raises: failures are what the report is for.

    `known` are the nodes of the fleet as they were found before, itself included. Without a fleet nothing is
    said of its network.
    """
    sheet = _Sheet()
    try:
        link = _arrive(spec, sheet)
        try:
            engine = Engine(link)
            _look_around(engine, spec, sheet)
            if fleet is not None:
                with sheet.step("images"):
                    sheet.checks.append(engine_settings.images(engine, fleet.metadata.name))
            if fleet is not None and fleet.spec.network.enabled:
                _look_at_network(engine, spec, fleet, known, sheet)
        finally:
            link.close()
    except _Blocked:
        pass
    except Exception as error:
        sheet.add("examination", "fail", *unforeseen(error))
    return Report(node=spec.name, address=spec.address, checks=tuple(sheet.checks))


def _arrive(spec: NodeSpec, sheet: _Sheet) -> Link:
    if spec.address.startswith("unix://"):
        return LocalLink(spec.name, spec.address.removeprefix("unix://"))
    with sheet.step("address", blocking=True):
        path = route(spec)
    return _through(spec, path, sheet)


def _through(spec: NodeSpec, path: Route, sheet: _Sheet) -> Link:
    from reconciler.engine.connection.ssh import SshLink

    transports: list[Transport] = []
    try:
        for endpoint in path.hops:
            jump = "" if endpoint is path.target else f" (jump host {endpoint.known_as})"
            _enter(spec, endpoint, jump, transports, sheet)
    except BaseException:
        for transport in reversed(transports):
            transport.close()
        raise
    return SshLink(spec.name, tuple(transports), path.target.socket_path)


def _enter(spec: NodeSpec, endpoint: Endpoint, jump: str, transports: list[Transport], sheet: _Sheet) -> None:
    """One hop: TCP and SSH, its host key, the login."""
    from reconciler.engine.connection.hostkeys import trusted
    from reconciler.engine.connection.login import log_in

    with sheet.step(f"reach{jump}", blocking=True):
        trust = trusted(spec.name, endpoint, spec.host_key, last=not jump)
        began = perf_counter()
        transport = greet(spec.name, endpoint, TIMEOUT, transports, trust.kinds)
        transports.append(transport)
        spent = 1000 * (perf_counter() - began)
        server = transport.remote_version.removeprefix("SSH-2.0-")
        sheet.add(f"reach{jump}", "ok", f"{endpoint.host} port {endpoint.port}: {server} in {spent:.0f} ms")
    with sheet.step(f"host key{jump}", blocking=True):
        key = shown_key(transport)
        trust.check(spec.name, endpoint.known_as, key)
        sheet.add(f"host key{jump}", "ok", f"{key}, as pinned in {trust.source}")
    with sheet.step(f"login{jump}", blocking=True):
        transport.auth_timeout = TIMEOUT
        used = log_in(spec.name, transport, endpoint)
        sheet.add(f"login{jump}", "ok", f"as {endpoint.user} with {used}")


def _look_around(engine: Engine, spec: NodeSpec, sheet: _Sheet) -> None:
    with sheet.step("docker", blocking=True):
        sheet.checks.append(checks.docker(engine))
    over_ssh = spec.address.startswith("ssh://")
    for name, check in {**(checks.OVER_SSH if over_ssh else {}), **checks.EVERYWHERE}.items():
        with sheet.step(name):
            sheet.checks.append(check(engine))


def _look_at_network(
    engine: Engine, spec: NodeSpec, fleet: Fleet, known: tuple[Neighbour, ...], sheet: _Sheet
) -> None:
    network, name = fleet.spec.network, fleet.metadata.name
    others = tuple(n for n in known if n.name != spec.name)
    several = len(fleet.spec.nodes) > 1
    with sheet.step("network"):
        seen = neighbours.read_look(engine)
        me = neighbours.neighbour(engine, spec, name, seen)
        sheet.checks.append(fit.address(spec, seen, me, others))
        if several:
            sheet.checks.append(fit.link(network, me, others))
        sheet.checks.append(
            fit.ranges(
                network, seen, engine.call("GET", "/networks") or [], name, engine.call("GET", "/info")
            )
        )
        found = data_plane.find(engine, name)
        if found is None:
            sheet.checks.append(fit.kernel(seen, several=several))
            sheet.checks.append(fit.ports(network, seen, me.pod_cidr, several=several))
            sheet.add("node container", "ok", "not yet: the first `reconciler apply` or `serve` makes it")
            return
        sheet.checks.append(data_plane.container(found))
        if found["State"] == "running":
            title = found["Names"][0].removeprefix("/")
            inside = data_plane.Inside(engine, title, network, me, others)
            _look_inside(inside, sheet)
            with sheet.step("node ports"):
                sheet.checks.append(node_ports.check(inside, fleet))


def _look_inside(inside: data_plane.Inside, sheet: _Sheet) -> None:
    for name, check in data_plane.INSIDE.items():
        if name == "overlay" and not inside.others:
            continue
        with sheet.step(name):
            sheet.checks.append(check(inside))
