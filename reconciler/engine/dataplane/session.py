"""The reconciler's conversation with one node container: files in, commands in, answers out.

The other side is `session` in node_image/session.sh. One command runs there as long as the connection lasts;
cut off in the middle of a file it throws away what it has, so nothing is ever half in force.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Mapping

from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.dialogue import Dialogue, open_dialogue
from reconciler.errors import EngineError, NodeError, NodeUnreachable

_COMMIT_SECONDS = 60.0
_ASK_SECONDS = 15.0
_MOST_MARK, _MOST_DIGITS = 100, 12
_LEAST_SECONDS = 2.0
MOST_COMPLAINTS, MOST_LETTERS = 20, 500
"""Of what a node container complains of: more is said by nobody but who wants to fill screens."""
_PACKED_FROM = 16_000
"""Bytes. haproxy.cfg says nearly the same of each server: of a large fleet's a twentieth is left."""


class Session:
    """Thread-safe. Failures are `NodeError`; after one it is closed, and the owner opens another."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine, self.container = engine, container
        self._lock = threading.Lock()
        self._dialogue: Dialogue | None = None
        self._ended = False

    @property
    def usable(self) -> bool:
        return not self._ended and self._engine.alive

    def state(self) -> tuple[str, bytes, tuple[str, ...]]:
        """The rendering's mark, what was last published as it was written (or nothing), what is wrong."""
        rendering, published, rest = (*self._ask("state", _ASK_SECONDS).split(b"\n", 2), b"", b"")[:3]
        return rendering[:_MOST_MARK].decode(errors="replace"), published, _complaints(rest)

    def sessions(self, ip: str, seconds: float) -> int:
        """Asked for `seconds`, or a little longer: a session isn't given up because one is in a hurry."""
        patience = max(_LEAST_SECONDS, min(_ASK_SECONDS, seconds))
        return self._number(self._ask(f"sessions {ip}", patience).decode(errors="replace"))

    def complaints(self) -> tuple[str, ...]:
        try:
            said = self._ask("complaints", _ASK_SECONDS)
        except EngineError:
            return self.state()[2]  # a container of an older version knows no shorter way
        return _complaints(said)

    def counters(self) -> bytes:
        """For `counting`."""
        return self._ask("counters", _ASK_SECONDS)

    def hand_over(self, files: Mapping[str, bytes], dropped: Iterable[str]) -> None:
        """For `steer` and `commit`; nothing of it is in force yet."""
        with self._lock:
            dialogue = self._open()
            try:
                for path, content in files.items():
                    dialogue.send(put(path, content))
                for path in dropped:
                    dialogue.send(f"drop {path}\n".encode())
            except OSError as error:
                raise self._broken(error) from error

    def steer(self) -> None:
        """Put in force who gets requests and how to get there, which needs no disk. Raises `EngineError` when
        the node container can't, or is of a version that doesn't know how.
        """
        self._ask("steer", _COMMIT_SECONDS)

    def commit(self, *, reload: bool) -> None:
        """Put all else in force and keep it. Raises `EngineError` when the node container can't."""
        self._ask(f"commit {'reload' if reload else 'run'}", _COMMIT_SECONDS)

    def close(self) -> None:
        self._ended = True
        if self._dialogue is not None:
            self._dialogue.close()

    def _ask(self, command: str, timeout: float) -> bytes:
        assert command.isprintable(), "one command"
        if not self._lock.acquire(timeout=timeout):
            raise EngineError("its node container is busy with something else", node=self._engine.node)
        try:
            dialogue = self._open()
            dialogue.send(f"{command}\n".encode())
            return dialogue.read(self._answer(dialogue, timeout), timeout)
        except OSError as error:
            raise self._broken(error) from error
        finally:
            self._lock.release()

    def _open(self) -> Dialogue:
        """You hold the lock."""
        if self._dialogue is None:
            command = ["/bin/busybox", "sh", "/node", "session"]
            try:
                self._dialogue = open_dialogue(self._engine, self.container, command)
            except OSError as error:
                raise self._broken(error) from error
            except NodeError:
                self._ended = True
                raise
        return self._dialogue

    def _answer(self, dialogue: Dialogue, timeout: float) -> int:
        """The size of what follows the word `ok`."""
        word, _, rest = dialogue.line(timeout).partition(" ")
        if word != "ok":
            remedy = f"on the node: docker logs {self.container}"
            raise EngineError(f"its node container: {rest or word}", node=self._engine.node, remedy=remedy)
        return self._number(rest)

    def _number(self, said: str) -> int:
        text = said.strip() or "0"
        if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
            words = f'it said "{text[:40]}", and a number was expected'
            raise EngineError(f"its node container: {words}", node=self._engine.node)
        return int(text)

    def _broken(self, error: OSError) -> NodeError:
        self.close()
        if self._engine.alive:
            said = str(error) or type(error).__name__
            return EngineError(f"no word from its node container: {said}", node=self._engine.node)
        return NodeUnreachable(f"the connection broke: {error}", node=self._engine.node)


def _complaints(said: bytes) -> tuple[str, ...]:
    every = [line[:MOST_LETTERS] for line in said.decode(errors="replace").splitlines() if line]
    return tuple(every[:MOST_COMPLAINTS])


def put(path: str, content: bytes) -> bytes:
    """The command that hands over a file."""
    if len(content) < _PACKED_FROM:
        return f"put {path} {len(content)}\n".encode() + content
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    return f"put {path} {len(packed)} gz\n".encode() + packed
