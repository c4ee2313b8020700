"""This machine's own Docker socket: a `unix://` node needs no SSH."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from weakref import WeakSet

from reconciler.engine.connection.link import Stream
from reconciler.errors import LoginRefused, NodeUnreachable


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

    def docker(self, timeout: float) -> Stream:
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
            done = subprocess.run(
                ["sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NodeUnreachable(f"no end of `{command}` within {timeout:g} s", node=self.node) from error
        return done.returncode, done.stdout

    def close(self) -> None:
        """Also ends what other threads wait for."""
        self._closed = True
        for stream in list(self._streams):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
