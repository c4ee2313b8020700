"""One SSH connection to a node: its Docker socket, its pods' ports and its shell, as streams inside it."""

from __future__ import annotations

import contextlib
import shlex
import threading
from time import monotonic

import paramiko

from reconciler.engine.connection.channel import ChannelStream
from reconciler.engine.connection.transport import Transport
from reconciler.errors import LoginRefused, NodeUnreachable

SESSIONS = 8
"""Shells at a time: sshd's MaxSessions is 10 unless told otherwise, and people log in, too."""
_ASKING = 15.0
_FORBIDDEN = 3
REFUSED = (paramiko.SSHException, EOFError, OSError)


class SshLink:
    """See `link.Link`. `transports` are logged in, the node's last, those that it goes through before it."""

    def __init__(self, node: str, transports: tuple[Transport, ...], socket_path: str) -> None:
        self.node, self._path = node, socket_path
        self._transports, self._transport = transports, transports[-1]
        self._sessions = threading.BoundedSemaphore(SESSIONS)
        self.forwards = True
        """False once sshd has refused to forward the Docker socket."""

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    @property
    def heard_at(self) -> float:
        return self._transport.line.heard_at

    def docker(self, timeout: float) -> ChannelStream:
        if self.forwards:
            try:
                return ChannelStream(self._transport.open_socket(self._path, timeout))
            except REFUSED as error:
                self._without_forwarding(error)
        return self.command(f"docker -H unix://{shlex.quote(self._path)} system dial-stdio", timeout)

    def _without_forwarding(self, error: BaseException) -> None:
        """Why can't the socket be forwarded? Only if sshd doesn't want to is there another way.

        sshd says the same ("open failed") whether it forbids that or nobody listens: the shell knows more.
        """
        if not self.alive or not isinstance(error, paramiko.ChannelException):
            raise NodeUnreachable(
                f"the SSH connection broke: {error or type(error).__name__}", node=self.node
            ) from error
        path = shlex.quote(self._path)
        ask = f"test -S {path} || exit 4; test -w {path} || exit 3; docker -H unix://{path} version || exit 5"
        code, output = self.run(ask, _ASKING)
        if code != 0:
            raise self._no_docker(code, output) from error
        self.forwards = False

    def _no_docker(self, code: int, output: bytes) -> NodeUnreachable:
        if code == _FORBIDDEN:
            return LoginRefused(
                f"this user may not use {self._path}",
                node=self.node,
                remedy="on the node: `sudo usermod -aG docker USER`; a new login sees it",
            )
        if b"not found" in output:
            return NodeUnreachable(
                f"{self._path} can't be reached through sshd, and there is no `docker` command to go through",
                node=self.node,
                remedy="in the node's sshd_config: `AllowStreamLocalForwarding local`; "
                "or is Docker not running (`systemctl status docker`)?",
            )
        return NodeUnreachable(
            f"no Docker Engine answers at {self._path}",
            node=self.node,
            remedy="on the node: `systemctl status docker`",
        )

    def dial(self, host: str, port: int, timeout: float) -> ChannelStream:
        try:
            channel = self._transport.open_channel(
                "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=timeout
            )
        except paramiko.ChannelException as error:
            if error.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
                raise NodeUnreachable(
                    "sshd doesn't allow TCP forwarding, which probes need",
                    node=self.node,
                    remedy="in the node's sshd_config: `AllowTcpForwarding local` (or yes)",
                ) from error
            raise ConnectionRefusedError(f"{host}:{port}: {self._transport.refusal}") from error
        except REFUSED as error:
            if self.alive:
                raise TimeoutError(f"{host}:{port}: no answer within {timeout:g} s") from error
            raise NodeUnreachable(f"the SSH connection broke: {error}", node=self.node) from error
        channel.settimeout(timeout)
        return ChannelStream(channel)

    def command(self, command: str, timeout: float) -> ChannelStream:
        """A shell command whose input and output are the stream."""
        if not self._sessions.acquire(timeout=timeout):
            raise NodeUnreachable(f"no free SSH session within {timeout:g} s", node=self.node)
        try:
            channel = self._session(timeout)
            channel.exec_command(command)
        except REFUSED as error:
            self._sessions.release()
            raise NodeUnreachable(f"no SSH session: {error}", node=self.node) from error
        return ChannelStream(channel, self._sessions)

    def session(self, timeout: float) -> ChannelStream:
        """A bare session, not counted: for finding out how many there may be."""
        try:
            return ChannelStream(self._session(timeout))
        except REFUSED as error:
            raise NodeUnreachable(f"no SSH session: {error}", node=self.node) from error

    def _session(self, timeout: float) -> paramiko.Channel:
        channel = self._transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        return channel

    def run(self, command: str, timeout: float) -> tuple[int, bytes]:
        end = monotonic() + timeout
        with self._sessions:
            try:
                channel = self._transport.open_session(timeout=timeout)
                with contextlib.closing(channel):
                    channel.set_combine_stderr(True)
                    channel.settimeout(timeout)
                    channel.exec_command(command)
                    channel.shutdown_write()
                    output = b"".join(iter(lambda: channel.recv(65536), b""))
                    channel.status_event.wait(max(0.0, end - monotonic()))
                    return channel.exit_status, output
            except REFUSED as error:
                raise NodeUnreachable(f"`{command}` could not be run: {error}", node=self.node) from error

    def close(self) -> None:
        for transport in reversed(self._transports):
            transport.close()
