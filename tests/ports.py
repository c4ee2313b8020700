"""Ports for servers of other programs, which bind them some time after they were picked."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

LOWEST = 10_000
_dice = random.SystemRandom()
_kept: list[socket.socket] = []
"""As long as this process lives; the kernel closes them, however it ends."""


def free_port() -> int:
    """One that no other test gets, nor a connection that the kernel picks a port for."""
    for _ in range(1000):
        port = _dice.randrange(LOWEST, _first_of_the_kernels())
        mine = socket.socket(socket.AF_UNIX)
        try:
            mine.bind(f"\0reconciler-tests-port-{port}")  # a name without a file; each is there once
        except OSError:
            mine.close()
            continue
        _kept.append(mine)
        if _is_free(port):
            return port
    raise AssertionError("no port is free")


def _first_of_the_kernels() -> int:
    """Where the range begins that the kernel takes ports of connections from."""
    with suppress(OSError):
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        return lowest if lowest > LOWEST + 1000 else 65_000
    return 32_768


def _is_free(port: int) -> bool:
    """On every address of this machine."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("", port))
            udp.bind(("", port))
        except OSError:
            return False
    return True
