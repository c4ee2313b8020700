"""Bringing a lab up, as a checklist. Each effect follows what is written down of it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from reconciler.errors import LabError
from reconciler.lab import accounts, engine, inventory, network, node, registry, requirements, sshd
from reconciler.lab.down import remove
from reconciler.lab.lock import locked
from reconciler.lab.state import LabNode, LabState, check_socket_path, directory_of, load, save

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
MOST_NODES = 240
"""A /24 less the gateway and ten addresses to spare."""


def up(wanted: LabState, subnet: str = "") -> LabState:
    """Raises LabError. What a failed start had begun is removed again."""
    requirements.check()
    check_request(wanted)
    with locked(wanted.directory):
        refuse_what_is_there(wanted)
        try:
            return build(wanted, subnet)
        except BaseException:
            remove(wanted.directory)
            raise


def build(wanted: LabState, subnet: str) -> LabState:
    state = lay_wire(wanted, subnet)
    registry.start(state)
    furnish(state)
    for each in state.nodes:
        node.boot(state, each)
    registry.wait(state)
    with ThreadPoolExecutor(len(state.nodes)) as pool:
        list(pool.map(engine.wait, state.nodes))
    return state


def check_request(wanted: LabState) -> None:
    for what, word in (("name", wanted.name), ("prefix", wanted.prefix)):
        if not NAME.fullmatch(word):
            raise LabError(f"{what} {word!r}: expected at most 40 of a-z, 0-9 and inner dashes")
    if not 1 <= wanted.count <= MOST_NODES:
        raise LabError(f"{wanted.count} nodes: expected 1 to {MOST_NODES}")
    check_socket_path(wanted)
    if wanted.engine:
        engine.check(wanted.engine)


def refuse_what_is_there(wanted: LabState) -> None:
    directory = wanted.directory
    if load(directory):
        down = f"reconciler lab down {options(wanted)}"
        raise LabError(
            f"lab {wanted.name} is there already", where=str(directory), remedy=f"remove it: {down}"
        )
    if any(directory.iterdir()):
        raise LabError("the directory isn't empty, and a lab wants one of its own", where=str(directory))


def options(state: LabState) -> str:
    """The words that name this lab on the command line."""
    usual = directory_of(state.name) == state.directory
    return f"--name {state.name}" if usual else f"--name {state.name} --dir {state.directory}"


def lay_wire(wanted: LabState, subnet: str) -> LabState:
    """Write down which bridge it shall be, then try to make it; taken meanwhile, the next."""
    for bridge, octets in network.subnet_candidates(subnet):
        state = msgspec.structs.replace(wanted, bridge=bridge, subnet=octets)
        save(state)
        if network.make_bridge(bridge, wanted.directory):
            network.open_bridge(state)
            return state
    raise LabError("512 labs are enough", remedy="reconciler lab down, for those that you don't need")


def furnish(state: LabState) -> None:
    """Keys, accounts and configuration of every node; nothing runs yet."""
    key = inventory.identity(state.directory)
    sshd.make_key(key, f"lab {state.name}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: _furnish_node(state, each, key), state.nodes))
    inventory.write(state)


def _furnish_node(state: LabState, each: LabNode, key: Path) -> None:
    sshd.configure(each, key)
    accounts.write(each.directory / "etc")
    engine.configure(state, each)
