"""TLS over a stream that isn't a socket: a channel of an SSH connection has no file descriptor to wrap."""

from __future__ import annotations

import io
import ssl
from typing import IO, Any

from reconciler.engine.connection.link import Stream

_CHUNK = 16384


class TlsStream:
    """A client's end. Made, it has shaken hands. Failures are OSError (`ssl.SSLError` is one)."""

    def __init__(self, stream: Stream, context: ssl.SSLContext, host: str) -> None:
        self._stream = stream
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=host)
        self._step(self._tls.do_handshake)

    def sendall(self, data: bytes) -> None:
        self._step(lambda: self._tls.write(data))

    def recv(self, size: int) -> bytes:
        try:
            return bytes(self._step(lambda: self._tls.read(size)))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def settimeout(self, seconds: float | None) -> None:
        self._stream.settimeout(seconds)

    def makefile(self, mode: str = "rb") -> IO[bytes]:
        return io.BufferedReader(_Reader(self), _CHUNK)

    def close(self) -> None:
        self._stream.close()

    def _step(self, action: Any) -> Any:
        """Do it, carrying bytes both ways until it is done."""
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                self._flush()
                self._fetch()
                continue
            self._flush()
            return result

    def _flush(self) -> None:
        if data := self._leaving.read():
            self._stream.sendall(data)

    def _fetch(self) -> None:
        if data := self._stream.recv(_CHUNK):
            self._arrived.write(data)
        else:
            self._arrived.write_eof()


class _Reader(io.RawIOBase):
    def __init__(self, stream: TlsStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)
