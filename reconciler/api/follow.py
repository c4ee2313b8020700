"""A revision's lines, for everyone who waits for its end: the pusher's terminal, mostly.

Readers take lines from one shared list at their own pace: a slow one holds up nobody, and a late one
gets the lines so far.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from reconciler.model.base import Value
from reconciler.printable import one_line

MAX_LINES = 5_000
"""Of one revision; further ones are counted, and the end is still told."""
END = "exit: "
"""How the last line begins, and no other: what others wrote doesn't end a revision."""
MAX_ENDED = 50
"""Revisions whose lines are kept after their end."""
PATIENCE_S = 30.0
"""A revision that hasn't begun so long after it was asked for, while another runs, was passed over."""


class Reading(Value):
    """Lines from a position on. `next` is where to read on; `ended` that nothing more will come."""

    lines: tuple[str, ...]
    next: int
    ended: bool


class _Stream:
    def __init__(self, asked_at: float) -> None:
        self.lines: list[str] = []
        self.dropped = 0
        self.ended = False
        self.begun = False
        self.judged = False
        """Ended by a verdict of its own, not by another revision."""
        self.asked_at = asked_at
        self.passes = 0
        """How many other revisions have begun since this one was first asked for."""


class Followers:
    """Thread-safe. `publish` and `finish` never wait for a reader.

    The last line of a revision is `exit: 0`, or `exit: 1 <why>`.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._streams: dict[str, _Stream] = {}
        self._bells: list[Callable[[], None]] = []
        self._current = ""

    def begin(self, revision_id: str, fetched_at: float | None = None) -> None:
        """The loop takes up this revision; every other one that is under way is superseded.

        `fetched_at` (epoch seconds) is when the source was asked for it: whatever was pushed before that
        and isn't this one was passed over. Without it that is known one revision later.
        """
        with self._changed:
            if revision_id == self._current:
                return
            self._current = revision_id
            for other, stream in self._streams.items():
                if other != revision_id and not stream.ended:
                    self._pass_over(stream, fetched_at)
            if self._stream(revision_id).ended:
                del self._streams[revision_id]  # it comes back: a run of its own
            self._stream(revision_id).begun = True
        self._ring()

    def publish(self, revision_id: str, line: str) -> None:
        with self._changed:
            stream = self._stream(revision_id)
            stream.begun = True
            if not stream.ended:
                self._append(stream, line)
        self._ring()

    def finish(self, revision_id: str, ok: bool, message: str = "") -> None:
        """Nothing more will come. Told again, the first word holds."""
        with self._changed:
            stream = self._stream(revision_id)
            stream.begun = stream.judged = True
            self._end(stream, ok, message)
            self._forget_old()
        self._ring()

    def read(self, revision_id: str, position: int = 0) -> Reading:
        """Lines from `position` (0 for all) on. Doesn't wait. Asking also announces that somebody waits."""
        with self._changed:
            stream = self._stream(revision_id)
            if position == 0 and stream.judged and self._current not in ("", revision_id):
                del self._streams[revision_id]  # what was said of an earlier run isn't the answer
                stream = self._stream(revision_id)
            self._lose_patience(stream)
            lines = tuple(stream.lines[position:])
            return Reading(lines=lines, next=position + len(lines), ended=stream.ended)

    def lines(self, revision_id: str, timeout: float | None = None) -> Iterator[str]:
        """Each line as it comes, until the end or `timeout` seconds. For a thread of one's own."""
        until = time.monotonic() + timeout if timeout is not None else float("inf")
        position, ended = 0, False
        while not ended and (left := until - time.monotonic()) > 0:
            reading = self.read(revision_id, position)
            yield from reading.lines
            position, ended = reading.next, reading.ended
            with self._changed:
                stream = self._stream(revision_id)
                if not ended and len(stream.lines) == position:
                    self._changed.wait(min(1.0, left))

    def on_change(self, bell: Callable[[], None]) -> Callable[[], None]:
        """Call `bell` after each change, from the changing thread; it must not block. Returns how to stop."""
        with self._changed:
            self._bells.append(bell)
        return lambda: self._remove(bell)

    def _remove(self, bell: Callable[[], None]) -> None:
        with self._changed:
            if bell in self._bells:
                self._bells.remove(bell)

    def _ring(self) -> None:
        with self._changed:
            self._changed.notify_all()
            bells = tuple(self._bells)
        for bell in bells:
            bell()

    def _stream(self, revision_id: str) -> _Stream:
        if revision_id not in self._streams:
            self._streams[revision_id] = _Stream(self._clock())
        return self._streams[revision_id]

    def _append(self, stream: _Stream, line: str) -> None:
        if len(stream.lines) < MAX_LINES:
            shown = one_line(line)
            stream.lines.append(f" {shown}" if shown.startswith(END) else shown)
        else:
            stream.dropped += 1

    def _pass_over(self, stream: _Stream, fetched_at: float | None) -> None:
        stream.passes += 1
        known = fetched_at is not None and stream.asked_at < fetched_at
        if stream.begun or known or stream.passes > 1:
            self._end(stream, False, self._superseded())

    def _lose_patience(self, stream: _Stream) -> None:
        waited = self._clock() - stream.asked_at > PATIENCE_S
        if waited and self._current and not stream.begun:
            self._end(stream, False, f"it wasn't taken up; the fleet is at {self._current[:7]}")

    def _superseded(self) -> str:
        return f"superseded by {self._current[:7]}"

    def _end(self, stream: _Stream, ok: bool, message: str) -> None:
        if stream.ended:
            return
        if stream.dropped:
            stream.lines.append(f"({stream.dropped} lines left out)")
        stream.lines.append(f"{END}0" if ok else f"{END}1 {one_line(message)}".rstrip())
        stream.ended = True

    def _forget_old(self) -> None:
        ended = [name for name, stream in self._streams.items() if stream.ended]
        for name in ended[:-MAX_ENDED]:
            del self._streams[name]
