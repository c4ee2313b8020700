"""paramiko's Transport with what it lacks: streams to Unix sockets, and the server's reasons."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import paramiko
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_OPEN_FAILURE,
    OPEN_FAILED_CONNECT_FAILED,
)
from paramiko.message import Message

from reconciler.engine.connection.line import Heard

_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_STREAMLOCAL = "direct-streamlocal@openssh.com"
_UNEXPLAINED = "Unable to open channel."
MOST_PACKET = 1 << 19
"""Bytes. OpenSSH's largest has 256 KiB; a length is four bytes, and paramiko would wait for 4 GiB of it."""
MOST_UNREAD = 1 << 23
"""Bytes on a channel that nobody has read yet: four times the window, which paramiko doesn't enforce."""


class Transport(paramiko.Transport):
    """Also opens streams to Unix sockets on the server, and tells why a channel was refused."""

    _preferred_keys: tuple[str, ...]
    _active_check_timeout = 0.5
    """paramiko's reader wakes this often to look whether it was closed; closing wakes it anyway."""

    def __init__(self, sock: Heard) -> None:
        super().__init__(cast("Any", sock))
        self.line = sock
        self._opening = threading.local()
        self.refusal = ""
        """The server's words when it last refused a channel: `connect failed`, `Connection refused`, ..."""
        self._handler_table[MSG_CHANNEL_OPEN_FAILURE] = self._refused  # type: ignore[attr-defined]
        plain: dict[int, Any] = paramiko.Transport._channel_handler_table  # type: ignore[attr-defined]
        fed = {kind: bounded_feed(plain[kind]) for kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA)}
        self._channel_handler_table = {**plain, **fed}
        self.packetizer.read_all = _bounded_read(self.packetizer.read_all)  # type: ignore[method-assign]

    def prefer_host_keys(self, kinds: tuple[str, ...]) -> None:
        """Ask the server for one of these key types first: those that can be checked."""
        wanted = [k for kind in kinds for k in _SIGNATURES.get(kind, (kind,)) if k in self._preferred_keys]
        rest = [k for k in self._preferred_keys if k not in wanted]
        self._preferred_keys = (*wanted, *rest)

    def open_channel(self, *args: Any, **kwargs: Any) -> paramiko.Channel:
        """paramiko keeps one reason for all: of two refusals at a time it knows only one, and the other would
        look like a broken connection.
        """
        try:
            return super().open_channel(*args, **kwargs)
        except paramiko.ChannelException:
            raise
        except paramiko.SSHException as error:
            if str(error) == _UNEXPLAINED and self.is_active():
                raise paramiko.ChannelException(OPEN_FAILED_CONNECT_FAILED, self.refusal) from error
            raise

    def open_socket(self, path: str, timeout: float) -> paramiko.Channel:
        """A channel to the Unix socket `path` (OpenSSH PROTOCOL, section 2.4)."""
        self._opening.path = path
        try:
            return self.open_channel(_STREAMLOCAL, timeout=timeout)
        finally:
            self._opening.path = ""

    def _send_user_message(self, data: Message) -> None:
        path = getattr(self._opening, "path", "")
        if path:
            data.add_string(path)
            data.add_string("")
            data.add_int(0)
        super()._send_user_message(data)  # type: ignore[misc]

    def _refused(self, message: Message) -> None:
        start = message.packet.tell()
        message.get_int()
        message.get_int()
        self.refusal = message.get_text()
        message.packet.seek(start)
        self._parse_channel_open_failure(message)  # type: ignore[attr-defined]

    def _log(self, level: int, msg: Any, *args: Any) -> None:
        """Silent: what goes wrong reaches the user as our own error, a refused probe is nothing to log."""


def _bounded_read(read_all: Callable[..., bytes]) -> Callable[..., bytes]:
    def read(size: int, check_rekey: bool = False) -> bytes:
        if size > MOST_PACKET:
            raise paramiko.SSHException(f"a packet of {size} bytes; {MOST_PACKET} are read")
        return read_all(size, check_rekey)

    return read


def bounded_feed(feed: Callable[[paramiko.Channel, Message], None]) -> Callable[..., None]:
    """Its exception ends the connection: who ignores the window means no good."""

    def take(channel: paramiko.Channel, message: Message) -> None:
        feed(channel, message)
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > MOST_UNREAD:
            raise paramiko.SSHException("it sends more than it was allowed to")

    return take
