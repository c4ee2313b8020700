"""What is left out of what proxies are told: a value that isn't of the form that it has in `model.traffic`.

A wall behind those at the doors (`manifests.rules` for what people write, `engine.observing.door` for what
nodes say): whatever comes through them ends here, with a word about it, and costs itself alone its traffic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from reconciler.model.base import Value, typed
from reconciler.model.traffic import RoutedPort, RoutedService

V = TypeVar("V", bound=Value)


def flaw(value: Value) -> str:
    """Where it isn't of its form, as `ports[0].endpoints[1].ip`; "" where all of it is."""
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=typed(type(value)))
    except msgspec.ValidationError as error:
        return str(error).rpartition("`$")[2].rstrip("`").lstrip(".") or "form"
    except ValueError:  # what isn't even text
        return "form"
    return ""


def sound(service: RoutedService) -> tuple[RoutedService | None, str]:
    """The service without what can't be told of it, None if nothing is left; and what that is."""
    found = flaw(service)
    if not found:
        return service, ""
    lesser = msgspec.structs.replace(service, ports=tuple(_with_sound_ends(p) for p in service.ports))
    return (None if flaw(lesser) else lesser), found


def sound_ones(values: Iterable[V]) -> tuple[tuple[V, ...], list[tuple[V, str]]]:
    """Those that can be told, and the others with what is wrong."""
    judged = [(value, flaw(value)) for value in values]
    return tuple(v for v, said in judged if not said), [(v, said) for v, said in judged if said]


def _with_sound_ends(port: RoutedPort) -> RoutedPort:
    return msgspec.structs.replace(port, endpoints=tuple(e for e in port.endpoints if not flaw(e)))
