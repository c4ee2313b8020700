"""What a connection to a node must offer, whichever way it goes: streams to its Docker socket and pods.

`ssh.SshLink` is a machine elsewhere, `local.LocalLink` this machine's socket. A link is used once:
broken, it stays broken, and whoever owns it makes another one.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BufferedReader
from typing import Literal, Protocol


class Stream(Protocol):
    """A byte stream, as a socket is. `recv` gives b"" only at a real end: a broken link raises OSError."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...

    def settimeout(self, seconds: float | None, /) -> None: ...

    def makefile(self, mode: Literal["rb"], /) -> BufferedReader: ...

    def close(self) -> None: ...


class Link(Protocol):
    """Thread-safe. Failures are `errors.NodeUnreachable`, or OSError from a stream that breaks."""

    node: str

    @property
    def alive(self) -> bool: ...

    @property
    def heard_at(self) -> float:
        """`time.monotonic()` of the last byte that came from the node."""

    @property
    def crowded(self) -> bool:
        """Streams to the Docker socket that are only kept for later are in the way of others."""

    def when_crowded(self, let_go: Callable[[], None]) -> None:
        """`let_go` closes streams that are only kept for later; called when somebody needs one in vain."""

    def docker(self, timeout: float, *, lasting: bool = False, patience: float = 0.0) -> Stream:
        """A new stream to the Docker socket, within `timeout` seconds, or `patience` where there are only few
        and all of them are in use. `lasting` ones leave some to others.
        """

    def dial(self, host: str, port: int, timeout: float) -> Stream:
        """A new TCP connection made by the node. Refused: `ConnectionError` or `TimeoutError`."""

    def run(self, command: str, timeout: float) -> tuple[int, bytes]:
        """A shell command on the node: its exit code and what it wrote to both outputs."""

    def close(self) -> None: ...
