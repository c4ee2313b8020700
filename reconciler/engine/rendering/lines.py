"""Files and commands as lines: the last wall. What would be two lines, or two commands, is none.

Before it stand the forms of `model.traffic`: a value that isn't of its form is left out of what is rendered.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.decide.network.sound import flaw, sound, sound_ones
from reconciler.model.traffic import NodeTraffic


class Unrenderable(Exception):
    """A line that would be more than one. A bug: no value of its form has such a character."""


def lines(every: Iterable[str]) -> str:
    """Each as a line of its own. Raises `Unrenderable`."""
    return "".join(f"{_one(line)}\n" for line in every)


def command(text: str) -> str:
    """One for HAProxy's socket, where a semicolon begins another. Raises `Unrenderable`."""
    if ";" in text:
        raise Unrenderable(f"two commands in one: {text!a}")
    return _one(text)


def _one(line: str) -> str:
    if not line.isprintable() and any(c < " " or c == "\x7f" for c in line):
        raise Unrenderable(f"more than one line: {line!a}")
    return line


def renderable(traffic: NodeTraffic) -> tuple[NodeTraffic, tuple[str, ...]]:
    """The traffic without what isn't of its form, and what was left out, in words."""
    if not flaw(traffic):
        return traffic, ()
    judged = [(service, *sound(service)) for service in traffic.services]
    names, unnamed = sound_ones(traffic.names)
    lost = [f"Service {s.namespace}/{s.name}: its {what}" for s, _, what in judged if what]
    lost += [f"the name {name.name}: its {what}" for name, what in unnamed]
    doors = traffic.ingress
    if doors is not None:
        routes, unled = sound_ones(doors.routes)
        lost += [f"Ingress {route.ingress}: its {what}" for route, what in unled]
        doors = msgspec.structs.replace(
            doors,
            routes=routes,
            certificates=sound_ones(doors.certificates)[0],
            challenges=sound_ones(doors.challenges)[0],
        )
    services = tuple(lesser for _, lesser, _ in judged if lesser is not None)
    whole = msgspec.structs.replace(traffic, services=services, names=names, ingress=doors)
    if found := flaw(whole):
        raise Unrenderable(f"the node's own settings: {found}")
    return whole, tuple(f"left out, since it can't be told to a proxy: {ascii(text)[1:-1]}" for text in lost)
