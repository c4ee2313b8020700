"""paramiko's Transport with what it lacks: streams to Unix sockets, and the server's reasons."""

from __future__ import annotations

import threading
from typing import Any, cast

import paramiko
from paramiko.common import MSG_CHANNEL_OPEN_FAILURE
from paramiko.message import Message

from reconciler.engine.connection.line import Heard

_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_STREAMLOCAL = "direct-streamlocal@openssh.com"


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

    def prefer_host_keys(self, kinds: tuple[str, ...]) -> None:
        """Ask the server for one of these key types first: those that can be checked."""
        wanted = [k for kind in kinds for k in _SIGNATURES.get(kind, (kind,)) if k in self._preferred_keys]
        rest = [k for k in self._preferred_keys if k not in wanted]
        self._preferred_keys = (*wanted, *rest)

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
