"""A command's output as Docker frames it, however the network cuts it up."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.connection.dialogue import Dialogue


class Wire:
    """Gives these pieces one by one, then the end."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.sent = list(pieces), b""

    def recv(self, _size: int, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def sendall(self, data: bytes, /) -> None:
        self.sent += data

    def settimeout(self, _seconds: float | None, /) -> None: ...

    def makefile(self, _mode: Any, /) -> Any:
        raise AssertionError("a dialogue reads by itself")

    def close(self) -> None: ...


def frame(data: bytes, output: int = 1) -> bytes:
    return bytes([output, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize("cut", [1, 3, 8, 9, 1000])
def test_lines_and_bytes_come_out_whole(cut: int) -> None:
    said = frame(b"ok 5\nhel") + frame(b"careful\n", output=2) + frame(b"lo") + frame(b"ok\n")
    dialogue = Dialogue(Wire(*(said[i : i + cut] for i in range(0, len(said), cut))), b"")
    assert dialogue.line(1.0) == "ok 5"
    assert dialogue.read(5, 1.0) == b"hello"
    assert dialogue.line(1.0) == "ok"
    assert dialogue.complaints == b"careful\n"


def test_what_came_with_the_answers_head_counts() -> None:
    assert Dialogue(Wire(), frame(b"")).complaints == b""
    assert Dialogue(Wire(frame(b"y\n")), frame(b"x")).line(1.0) == "xy"


def test_an_end_says_what_the_command_complained_of() -> None:
    dialogue = Dialogue(Wire(frame(b"no such file\n", output=2)), b"")
    with pytest.raises(ConnectionResetError, match="ended: no such file"):
        dialogue.line(1.0)


def test_silence_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        Dialogue(Wire(frame(b"half")), b"").line(0.0)
