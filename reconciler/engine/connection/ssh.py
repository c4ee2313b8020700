"""One SSH connection to a node: its Docker socket, its pods' ports and its shell, as streams inside it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from time import monotonic

import paramiko

from reconciler.engine.connection.channel import ChannelStream
from reconciler.engine.connection.sessions import Route, Sessions
from reconciler.errors import LoginRefused, NodeUnreachable
from reconciler.supervision import sign_of_life

MOST_OUTPUT = 1 << 20
"""Bytes of a command's output that are kept; what comes after them is read and thrown away."""
FIRST_TRY, LAST_TRY = 1.0, 60.0
"""Seconds until forwarding is tried again where it was refused; doubled each time."""
_ASKING = 15.0
_SHELL_RUNS = "reconciler-asks"
_FORBIDDEN = 3
SHELL_REMEDY = (
    "give the user a shell that runs commands, on the node: `sudo usermod --shell /bin/sh USER`; "
    "and look for ForceCommand in its sshd_config and for command= in authorized_keys"
)
REFUSED = (paramiko.SSHException, EOFError, OSError)


class SshLink:
    """See `link.Link`. `route` leads to the node, `another` makes one more when no session is left."""

    def __init__(
        self, node: str, route: Route, socket_path: str, another: Callable[[], Route] | None = None
    ) -> None:
        self.node, self._path = node, socket_path
        self._transport = route[-1]
        self._sessions = Sessions(node, route, another)
        self._pause, self._try_at = 0.0, 0.0

    @property
    def forwards(self) -> bool:
        """Whether sshd forwarded the Docker socket when it was last asked to."""
        return self._pause == 0

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    @property
    def heard_at(self) -> float:
        return self._transport.line.heard_at

    @property
    def crowded(self) -> bool:
        return self._sessions.crowded or self.forwards

    def when_crowded(self, let_go: Callable[[], None]) -> None:
        self._sessions.when_crowded(let_go)

    def docker(self, timeout: float, *, lasting: bool = False, patience: float = 0.0) -> ChannelStream:
        """Forwarded, if sshd does that; what refused it once may have passed, so it is asked again."""
        if self.forwards or monotonic() >= self._try_at:
            try:
                stream = ChannelStream(self._transport.open_socket(self._path, timeout))
            except REFUSED as error:
                self._without_forwarding(error)
            else:
                if self._pause:
                    self._pause = 0.0
                    self._sessions.let_go()
                return stream
        command = f"docker -H unix://{shlex.quote(self._path)} system dial-stdio"
        return self._command(command, max(timeout, patience), lasting)

    def _without_forwarding(self, error: BaseException) -> None:
        """Why can't the socket be forwarded? Only if sshd doesn't want to is there another way.

        sshd says the same ("open failed") whether it forbids that or nobody listens: the shell knows more.
        """
        if not self.alive or not isinstance(error, paramiko.ChannelException):
            raise NodeUnreachable(
                f"the SSH connection broke: {error or type(error).__name__}", node=self.node
            ) from error
        if self.forwards:
            path = shlex.quote(self._path)
            ask = f"echo {_SHELL_RUNS}; test -S {path} || exit 4; test -w {path} || exit 3; "
            ask += f"docker -H unix://{path} version || exit 5"
            code, output = self.run(ask, _ASKING)
            if code != 0 or _SHELL_RUNS.encode() not in output:
                raise self._no_docker(code, output) from error
        self._pause = min(LAST_TRY, max(FIRST_TRY, 2 * self._pause))
        self._try_at = monotonic() + self._pause

    def _no_docker(self, code: int, output: bytes) -> NodeUnreachable:
        if _SHELL_RUNS.encode() not in output:
            return LoginRefused(
                f"{self._path} can't be reached through sshd, and the login shell runs no commands"
                f"{shell_words(output)}",
                node=self.node,
                remedy=SHELL_REMEDY,
            )
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

    def _command(self, command: str, timeout: float, lasting: bool) -> ChannelStream:
        """A shell command whose input and output are the stream."""
        channel, released = self._sessions.open(timeout, lasting=lasting)
        stream = ChannelStream(channel, released)
        try:
            channel.settimeout(timeout)
            channel.exec_command(command)
        except REFUSED as error:
            stream.close()
            raise NodeUnreachable(f"no SSH session: {error}", node=self.node) from error
        except BaseException:
            stream.close()
            raise
        return stream

    def session(self, timeout: float) -> ChannelStream:
        """A bare session, not counted: for finding out how many there may be."""
        try:
            channel = self._transport.open_session(timeout=timeout)
        except REFUSED as error:
            raise NodeUnreachable(f"no SSH session: {error}", node=self.node) from error
        channel.settimeout(timeout)
        return ChannelStream(channel)

    def run(self, command: str, timeout: float) -> tuple[int, bytes]:
        end = monotonic() + timeout
        channel, released = self._sessions.open(timeout)
        with contextlib.closing(ChannelStream(channel, released)):
            try:
                channel.set_combine_stderr(True)
                channel.settimeout(_left(end))
                channel.exec_command(command)
                channel.shutdown_write()
                output = _output(channel, end)
                if not channel.status_event.wait(_left(end)):
                    raise TimeoutError
                return channel.exit_status, output
            except TimeoutError as error:
                said = f"no end of `{command}` within {timeout:g} s"
                raise NodeUnreachable(said, node=self.node) from error
            except REFUSED as error:
                raise NodeUnreachable(f"`{command}` could not be run: {error}", node=self.node) from error

    def close(self) -> None:
        self._sessions.close()


def _output(channel: paramiko.Channel, end: float) -> bytes:
    """All of it up to MOST_OUTPUT, read to its end. Raises `TimeoutError`."""
    kept = bytearray()
    while True:
        channel.settimeout(_left(end))
        data = channel.recv(65536)
        if not data:
            return bytes(kept)
        kept += data[: MOST_OUTPUT - len(kept)]


def _left(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError
    sign_of_life(left)
    return left


def shell_words(output: bytes) -> str:
    """What a login shell says that refuses a command, to be put behind what we say."""
    said = " ".join(output.decode(errors="replace").split())[:200]
    return f': it says "{said}"' if said else " and says nothing"
