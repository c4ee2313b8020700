"""Connects to a node: every hop of its route, host key checked before anything is said, then the login."""

from __future__ import annotations

import socket
import threading
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from reconciler.engine.connection.address import Endpoint, Route, route
from reconciler.engine.connection.link import Link
from reconciler.engine.connection.local import LocalLink
from reconciler.engine.connection.quick_import import import_paramiko
from reconciler.errors import NodeUnreachable
from reconciler.model.fleet import NodeSpec

if TYPE_CHECKING:
    from reconciler.engine.connection.hostkeys import HostKey
    from reconciler.engine.connection.transport import Transport

CONNECT_TIMEOUT = 10.0
"""Seconds for each step: TCP, banner and key exchange, login."""


_AT_THE_GATE = 4
"""Logins at a time through one jump host: sshd drops newcomers when ten aren't logged in (MaxStartups)."""
_gates: defaultdict[tuple[str, int], threading.BoundedSemaphore] = defaultdict(
    lambda: threading.BoundedSemaphore(_AT_THE_GATE)
)


def _gate(path: Route) -> AbstractContextManager[object]:
    """Nodes of their own have none: a dead one must not hold up the others."""
    return _gates[path.hops[0].host, path.hops[0].port] if len(path.hops) > 1 else nullcontext()


def open_link(spec: NodeSpec, timeout: float = CONNECT_TIMEOUT) -> Link:
    """A link to the node. Raises `NodeUnreachable` (`HostKeyRefused`, `LoginRefused`), `InventoryError`."""
    if spec.address.startswith("unix://"):
        return LocalLink(spec.name, spec.address.removeprefix("unix://"))
    return _ssh(spec, route(spec), timeout)


def _ssh(spec: NodeSpec, path: Route, timeout: float) -> Link:
    import_paramiko()
    from reconciler.engine.connection.ssh import SshLink

    def arrived() -> tuple[Transport, ...]:
        return tuple(arrive(spec, path, timeout))

    return SshLink(spec.name, arrived(), path.target.socket_path, arrived)


def arrive(spec: NodeSpec, path: Route, timeout: float, *, at_the_door: bool = False) -> list[Transport]:
    """Logged in at each hop, through those before it; `at_the_door` leaves out the node itself."""
    from reconciler.engine.connection.hostkeys import trusted
    from reconciler.engine.connection.login import log_in

    transports: list[Transport] = []
    try:
        for endpoint in path.hops[:-1] if at_the_door else path.hops:
            trust = trusted(spec.name, endpoint, spec.host_key, last=endpoint is path.target)
            with _gate(path):
                transport = greet(spec.name, endpoint, timeout, transports, trust.kinds)
                transports.append(transport)
                trust.check(spec.name, endpoint.known_as, shown_key(transport))
                transport.auth_timeout = timeout
                log_in(spec.name, transport, endpoint)
    except BaseException:
        for transport in reversed(transports):
            transport.close()
        raise
    return transports


def greet(
    node: str, endpoint: Endpoint, timeout: float, through: list[Transport], kinds: tuple[str, ...] = ()
) -> Transport:
    """A transport whose keys are exchanged; nobody is logged in yet.

    `kinds` are the host key types that could be checked: sshd shows one of those if it has one.
    """
    import paramiko

    from reconciler.engine.connection.line import Heard, PromptSocket
    from reconciler.engine.connection.transport import Transport

    sock: Heard
    try:
        if through:
            place = (endpoint.host, endpoint.port)
            sock = Heard(through[-1].open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=timeout))
        else:
            sock = PromptSocket(socket.create_connection((endpoint.host, endpoint.port), timeout))
    except (OSError, paramiko.SSHException, EOFError) as error:
        raise _no_tcp(node, endpoint, error, through) from error
    transport = Transport(sock)
    transport.banner_timeout = timeout
    transport.handshake_timeout = 2 * timeout  # ours ends first, and says what was missing
    transport.prefer_host_keys(kinds)
    try:
        transport.start_client(timeout=timeout)
        if not (transport.is_active() and transport.initial_kex_done):
            # paramiko returns as if all were well
            raise TimeoutError(f"no end of the key exchange within {timeout:g} s")
    except (OSError, paramiko.SSHException, EOFError) as error:
        transport.close()
        raise _no_ssh(node, endpoint, error) from error
    sock.greeted()
    return transport


def shown_key(transport: Transport) -> HostKey:
    """The host key that sshd proved to have."""
    from reconciler.engine.connection.hostkeys import HostKey

    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def _no_tcp(node: str, endpoint: Endpoint, error: BaseException, through: list[Transport]) -> NodeUnreachable:
    place = f"{endpoint.host} port {endpoint.port}"
    if isinstance(error, socket.gaierror):
        return NodeUnreachable(
            f"{endpoint.host} can't be resolved: {error.strerror}",
            node=node,
            remedy="check the address in nodes.yaml",
        )
    detail = "no answer in time" if isinstance(error, TimeoutError) else _words(error)
    via = " through its jump host" if through else ""
    return NodeUnreachable(
        f"no connection to {place}{via}: {detail}",
        node=node,
        remedy="check that the node is up, that sshd listens there, and that no firewall is in between",
    )


def _no_ssh(node: str, endpoint: Endpoint, error: BaseException) -> NodeUnreachable:
    import paramiko

    too_old = isinstance(error, paramiko.ssh_exception.IncompatiblePeer)
    return NodeUnreachable(
        f"no SSH with {endpoint.host} port {endpoint.port}: {_words(error)}",
        node=node,
        remedy="update OpenSSH on the node, or allow a current algorithm in its sshd_config"
        if too_old
        else "check that an OpenSSH server answers there; under load it drops connections (MaxStartups)",
    )


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
