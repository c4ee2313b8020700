"""A command in a container whose input and output stay open: one `docker exec` for many questions.

Starting a command in a container costs 40 ms on a PC; a line to one that runs costs one.
"""

from __future__ import annotations

import contextlib
from time import monotonic

import msgspec

from reconciler.engine.connection.answers import Made
from reconciler.engine.connection.client import CALL_TIMEOUT, Engine
from reconciler.engine.connection.frames import ERRORS, Frames
from reconciler.engine.connection.link import Stream
from reconciler.errors import EngineError

MOST_LINE = 1 << 16
MOST_READ = 32 << 20
"""Bytes of one answer: a published state of a thousand services has 1 MB."""
_MOST_HEAD = 1 << 16


class Dialogue:
    """Not thread-safe. Every failure but the container's own refusal is `OSError` (also `TimeoutError`)."""

    def __init__(self, stream: Stream, rest: bytes) -> None:
        self._stream = stream
        self._frames, self._said = Frames(), bytearray()
        self.complaints = b""
        """What the command wrote to its error output, the newest kilobyte."""
        self._take(rest)

    def send(self, data: bytes) -> None:
        self._stream.sendall(data)

    def line(self, timeout: float) -> str:
        """The next line of its output, without the newline. `timeout` in seconds, for all of it."""
        end = monotonic() + timeout
        while (length := self._said.find(b"\n")) < 0:
            if len(self._said) > MOST_LINE:
                raise OSError(f"the command in the container wrote a line of more than {MOST_LINE} bytes")
            self._hear(end)
        line = bytes(self._said[:length])
        del self._said[: length + 1]
        return line.decode(errors="replace")

    def read(self, size: int, timeout: float) -> bytes:
        """The next `size` bytes of its output."""
        if size > MOST_READ:
            raise OSError(f"the command in the container has {size} bytes to say; {MOST_READ} are read")
        end = monotonic() + timeout
        while len(self._said) < size:
            self._hear(end)
        data = bytes(self._said[:size])
        del self._said[:size]
        return data

    def close(self) -> None:
        """The command reads the end of its input, and goes."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def _hear(self, end: float) -> None:
        """Take in what comes next."""
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError("the command in the container says nothing")
        self._stream.settimeout(left)
        data = self._stream.recv(65536)
        if not data:
            raise ConnectionResetError(_ended(self.complaints))
        self._take(data)

    def _take(self, data: bytes) -> None:
        for output, piece in self._frames.take(data):
            if output == ERRORS:
                self.complaints = (self.complaints + piece)[-1024:]
            else:
                self._said += piece


def _ended(complaints: bytes) -> str:
    said = complaints.decode(errors="replace").strip()
    return f"the command in the container ended{f': {said}' if said else ''}"


def open_dialogue(engine: Engine, container: str, command: list[str]) -> Dialogue:
    """Start it. Raises `NodeError`, or `OSError` when the connection breaks meanwhile."""
    wish = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": command}
    made = engine.ask(Made, "POST", f"/containers/{container}/exec", body=wish)
    stream = engine.link.docker(CALL_TIMEOUT)
    end = monotonic() + CALL_TIMEOUT
    try:
        stream.settimeout(CALL_TIMEOUT)
        body = msgspec.json.encode({"Detach": False, "Tty": False})
        stream.sendall(_request(f"/v{engine.api_version}/exec/{made['Id']}/start", body))
        head, rest = _head(stream, end)
    except BaseException:
        stream.close()
        raise
    status = head.partition(b" ")[2][:3]
    if status not in (b"101", b"200"):
        stream.close()
        words = rest.decode(errors="replace").strip() or head.decode(errors="replace")
        raise EngineError(f"a command can't be started in {container}: {words}", node=engine.node)
    return Dialogue(stream, rest)


def _request(target: str, body: bytes) -> bytes:
    """Docker's way of taking over the connection (Engine API: "hijacking")."""
    return (
        f"POST {target} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    ).encode() + body


def _head(stream: Stream, end: float) -> tuple[bytes, bytes]:
    """The answer's head, and what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > _MOST_HEAD or monotonic() > end:
            raise ConnectionResetError("the Engine's answer has no end")
        more = stream.recv(4096)
        if not more:
            raise ConnectionResetError("the Engine hung up")
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    return head, rest
