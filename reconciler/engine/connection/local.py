"""This machine's own Docker socket: a `unix://` node needs no SSH."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable
from time import monotonic
from typing import IO
from weakref import WeakSet

from reconciler.engine.connection.link import Stream
from reconciler.errors import LoginRefused, NodeUnreachable

MOST_OUTPUT = 1 << 20
"""Bytes of a command's output that are kept."""


class LocalLink:
    """`path` is the socket's. See `link.Link`."""

    def __init__(self, node: str, path: str) -> None:
        self.node, self._path = node, path
        self._closed = False
        self._streams: WeakSet[socket.socket] = WeakSet()

    @property
    def alive(self) -> bool:
        return not self._closed

    @property
    def heard_at(self) -> float:
        """Never: there is nothing between us and the Engine that could be busy in its place."""
        return 0.0

    @property
    def crowded(self) -> bool:
        return False

    def when_crowded(self, let_go: Callable[[], None]) -> None:
        """Never: sockets are many."""

    def docker(self, timeout: float, *, lasting: bool = False, patience: float = 0.0) -> Stream:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.settimeout(timeout)
        try:
            stream.connect(self._path)
        except PermissionError as error:
            stream.close()
            raise LoginRefused(
                f"no permission to use {self._path}",
                node=self.node,
                remedy="add this user to the docker group, or run the reconciler as root",
            ) from error
        except OSError as error:
            stream.close()
            raise NodeUnreachable(
                f"no Docker Engine at {self._path}: {error.strerror or error}",
                node=self.node,
                remedy="start Docker (`systemctl start docker`), or mend the node's address in nodes.yaml",
            ) from error
        self._streams.add(stream)
        return stream

    def dial(self, host: str, port: int, timeout: float) -> Stream:
        return socket.create_connection((host, port), timeout)

    def run(self, command: str, timeout: float) -> tuple[int, bytes]:
        try:
            return _ran(["sh", "-c", command], monotonic() + timeout)
        except TimeoutError as error:
            raise NodeUnreachable(f"no end of `{command}` within {timeout:g} s", node=self.node) from error
        except OSError as error:
            raise NodeUnreachable(f"`{command}` could not be run: {error}", node=self.node) from error

    def close(self) -> None:
        """Also ends what other threads wait for."""
        self._closed = True
        for stream in list(self._streams):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)


def _ran(command: list[str], end: float) -> tuple[int, bytes]:
    """Exit code, and both outputs up to MOST_OUTPUT. `OSError`, `TimeoutError` when it lasts longer."""
    with subprocess.Popen(
        command,
        bufsize=0,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            assert process.stdout is not None
            kept = bytearray()
            while data := _piece(process.stdout, end):
                kept += data[: MOST_OUTPUT - len(kept)]
            return process.wait(max(0.0, end - monotonic())), bytes(kept)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)


def _piece(output: IO[bytes], end: float) -> bytes:
    poll = select.poll()
    poll.register(output, select.POLLIN | select.POLLHUP)
    if not poll.poll(max(0.0, end - monotonic()) * 1000):
        raise TimeoutError
    return output.read(65536)
