"""Asking the reconciler that runs on this machine, if one does; and else, where it can, the nodes."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from reconciler.bounded import TooLong
from reconciler.errors import UsageError
from reconciler.model.base import Value, typed
from reconciler.model.fleet import Fleet
from reconciler.model.observed import NodeFacts

if TYPE_CHECKING:
    from reconciler.model.capacity import Capacity
    from reconciler.model.observed import Observed
    from reconciler.record.overview import Overview

TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 1.0
SOON_S = 0.5


class UnixConnection(http.client.HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, path: Path, timeout: float = TIMEOUT_S) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


T = TypeVar("T")
MOST_ANSWER = 256 << 20
"""Bytes. What is told of a thousand pods has 1 MB."""


def read_whole(answer: http.client.HTTPResponse) -> bytes:
    """Raises `TooLong`."""
    found = answer.read(MOST_ANSWER + 1)
    if len(found) > MOST_ANSWER:
        raise TooLong(f"an answer of more than {MOST_ANSWER >> 20} MiB")
    return found


def ask(fleet: Fleet, locks: Path) -> Overview | None:
    """The running reconciler's view of the fleet; None when none answers for it.

    One that was started by another user is found through the address that nodes.yaml names. Raises
    `UsageError` when it is of another version and can't be understood.
    """
    from reconciler.record.overview import Overview

    name = fleet.metadata.name
    doors = [*_private(fleet, locks), *map(_tcp, _addresses(fleet, locks))]
    answers = (_get(door, "/status", Overview) for door in doors)
    return next((a for a in answers if a is not None and a.fleet == name), None)


def public_door(fleet: Fleet, locks: Path) -> http.client.HTTPConnection | None:
    """Where a reconciler tells of this fleet over TCP, be it another user's; None when none does."""
    from reconciler.record.overview import Overview

    for listen in _addresses(fleet, locks):
        answer = _get(_tcp(listen), "/status", Overview)
        if answer is not None and answer.fleet == fleet.metadata.name:
            return _tcp(listen)
    return None


def nodes_of(fleet: Fleet) -> Observed:
    """What the nodes hold: as the running reconciler sees it, or asked now."""
    from reconciler.model.observed import NodeState, Observed
    from reconciler.wiring import lock_dir, observe_once

    for door in _private(fleet, lock_dir()):
        if states := _get(door, "/observed", tuple[NodeState, ...]):
            return Observed(states)
    return observe_once(fleet)


def capacity_behind(door: Path) -> dict[str, Capacity]:
    """What the nodes can hold, by name, as the reconciler behind this socket has seen it; empty without one.

    For checks that a person waits for: an answer that takes longer than `SOON_S` is none.
    """
    from reconciler.model.capacity import capacity_of

    try:
        states = _get(UnixConnection(door, SOON_S), "/observed", tuple[_Facts, ...]) or ()
    except UsageError:
        return {}  # one of another version: whoever asks for more of it than this says so
    return capacity_of({state.name: state.facts for state in states})


class _Facts(Value):
    """The part of a NodeState that is about the node itself; its pods aren't read."""

    name: str
    facts: NodeFacts = NodeFacts()


def objects_of(fleet: Fleet) -> dict[str, Any] | None:
    """A Kubernetes List of what the running reconciler sees; None when none runs here."""
    from reconciler.wiring import lock_dir

    answers = (_get(door, "/objects", dict[str, Any]) for door in _private(fleet, lock_dir()))
    return next((a for a in answers if a is not None), None)


def _private(fleet: Fleet, locks: Path) -> list[http.client.HTTPConnection]:
    return [UnixConnection(path) for path in sockets(fleet, locks)]


def sockets(fleet: Fleet, locks: Path) -> list[Path]:
    """Where the socket of the reconciler that runs here may be, if one runs: where the lock says, or, when
    that couldn't be written, where its socket is then."""
    from reconciler.record.lock import holder
    from reconciler.record.places import is_private, other_socket

    found = holder(fleet.metadata.name, locks)
    if found is None:
        return []
    other = other_socket(fleet.metadata.name)
    here = [Path(found.unix_socket)] if found.unix_socket else []
    return [*here, other] if is_private(other.parent) and other not in here else here


def _addresses(fleet: Fleet, locks: Path) -> list[str]:
    from reconciler.record.lock import holder

    found = holder(fleet.metadata.name, locks)
    return [a for a in dict.fromkeys([found.listen if found else "", fleet.spec.serve.listen]) if a]


def _tcp(listen: str) -> http.client.HTTPConnection:
    host, _, port = listen.rpartition(":")
    here = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
    return http.client.HTTPConnection(here, int(port or 0), timeout=CONNECT_TIMEOUT_S)


def _get(door: http.client.HTTPConnection, path: str, kind: type[T]) -> T | None:
    try:
        door.request("GET", path)
        answer = door.getresponse()
        body = read_whole(answer)
        return msgspec.json.decode(body, type=typed(kind)) if answer.status == 200 else None
    except msgspec.DecodeError as error:
        if isinstance(door, UnixConnection):  # the lock's holder named it: this is no other program
            raise UsageError(
                "the reconciler that runs here answers as another version of it would",
                remedy="after an upgrade, restart it: no container restarts because of that",
            ) from error
        return None
    except (OSError, http.client.HTTPException):
        return None  # nobody there: the next door, or the nodes themselves, will tell
    finally:
        door.close()
