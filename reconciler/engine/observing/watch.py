"""Keeps what is known of one node fresh: connects, follows Docker's events, lists, notices silence.

A change is seen by the event that it causes; a listing after each (re)connection and every minute
corrects whatever events missed. Nothing here raises: an unreachable node is a state, and so is one of which
something can't be understood.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import Any, Protocol

from reconciler.engine.connection.answers import UNREADABLE, Event, complaint, decoder
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.lines import split_lines
from reconciler.errors import NodeUnreachable, NotUnderstood, ReconcilerError
from reconciler.model.labels import FLEET
from reconciler.supervision import Supervised, reason, sign_of_life

FULL_LISTING = 60.0
HEARTBEAT = 5.0
"""Seconds of silence after which the node is asked whether it is there."""
VERDICT = 10.0
"""Seconds that it then has to answer, or to send anything at all."""
FIRST_RETRY, LAST_RETRY = 0.5, 30.0
DOCKER_RETRY = 1.0
"""At most so long between tries while sshd answers and Docker doesn't: it is probably starting."""
OPENING = 30.0
"""Seconds for the Engine to begin with its events."""
BREATH = 0.04
"""Seconds between listings: a deploy's events come in bursts."""
MOST_EVENTS = 1000
"""In one second: a deploy of a hundred pods in one go. Nothing is gained by reading more at once."""
EVENTS = ("create", "start", "die", "oom", "destroy", "pause", "unpause", "rename", "update")
"""Not exec_*: each exec probe would cause three."""


class Watched(Protocol):
    """What a watch drives. Each may raise `ReconcilerError` but `said`, `lost` and `drop`."""

    def reach(self) -> Engine:
        """The engine, connected to now if need be."""

    def relist(self, *, full: bool) -> None:
        """Ask for every pod and take it in; `full` asks about everything anew, and for the node's facts."""

    def measure(self) -> None:
        """Ask for what takes a shell on the node, in a quiet moment. Doesn't raise: not all grant one."""

    def stale(self, container_id: str) -> None:
        """Something happened to this container: what is known of it is no longer true."""

    def said(self, complaint: str) -> None:
        """The Engine's events can't be read, or are read again (empty)."""

    def lost(self, error: ReconcilerError) -> None: ...

    def drop(self, engine: Engine) -> None: ...


class Watch:
    """One thread, and one more for the event stream. `fleet` is the label whose events count.

    A stream that ends at once is opened again later and later; until then a look every few seconds stands in.
    """

    def __init__(self, name: str, fleet: str, node: Watched) -> None:
        self._name, self._fleet, self._node = name, fleet, node
        self._wake = threading.Event()
        self._stopped = False
        self._following: Following | None = None
        self._again, self._follow_at = retries(), 0.0
        self._thread = Supervised(f"watch-{name}", self._run, said=self._failed)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look now: something may have changed or broken."""
        self._wake.set()

    def stop(self) -> None:
        """Doesn't wait for the thread, which may be in a call that only a closed connection ends."""
        self._stopped = True
        self._thread.end()
        self._wake.set()

    def _failed(self, why: str) -> None:
        """What nobody expected: the node isn't ready as long as it can't be watched."""
        self._node.lost(NotUnderstood(why, node=self._name))

    def _run(self) -> None:
        waits = retries()
        while not self._stopped:
            engine = None
            try:
                engine = self._node.reach()
                self._follow(engine)
                self._node.relist(full=True)
                waits = retries()
                self._attend(engine)
            except ReconcilerError as error:
                self._node.lost(error)
                self._pause(next(waits), engine)

    def _attend(self, engine: Engine) -> None:
        """Wait for a reason to list, and list, until the connection is lost."""
        listed = whole = monotonic()
        measured = False
        while True:
            sign_of_life()
            self._wake.wait(self._nap(engine, whole + FULL_LISTING))
            if self._stopped:
                return
            full = monotonic() >= whole + FULL_LISTING
            if not full and not self._wake.is_set() and self._followed(engine):
                self._listen(engine)
                if not measured:
                    self._node.measure()
                    measured = True
                continue
            time.sleep(max(0.0, listed + BREATH - monotonic()))
            self._wake.clear()
            self._follow(engine)
            listed = monotonic()
            self._node.relist(full=full)
            if full:
                whole, measured = listed, False

    def _nap(self, engine: Engine, until: float) -> float:
        """Until the next look."""
        due = until if self._followed(engine) else min(until, self._follow_at)
        return max(0.0, min(HEARTBEAT, due - monotonic()))

    def _follow(self, engine: Engine) -> None:
        """Follow events from now on; nothing that happens after this returns is missed.

        Streams that end at once are opened again with pauses: meanwhile there is a listing every few seconds.
        """
        if self._followed(engine):
            return
        last, now = self._following, monotonic()
        if last is not None and last.engine is engine and last.seconds < HEARTBEAT:
            if now < self._follow_at:
                return
        else:
            self._again = retries()
        self._follow_at = now + next(self._again)
        try:
            self._following = Following(engine, self._fleet, self._told, self._node.said)
        except TimeoutError as error:
            self._node.drop(engine)  # else whoever reads that stream would wait for ever
            raise NodeUnreachable("no answer in time to GET /events", node=self._name) from error

    def _followed(self, engine: Engine) -> bool:
        return self._following is not None and self._following.goes_on(engine)

    def _told(self, container_id: str) -> None:
        if container_id:
            self._node.stale(container_id)
        self._wake.set()

    def _listen(self, engine: Engine) -> None:
        """Ask a silent node whether it is there. One that sends anything at all is busy, not lost."""
        if monotonic() - engine.link.heard_at < HEARTBEAT:
            return
        try:
            engine.ping(VERDICT)
        except NodeUnreachable as error:
            if not isinstance(error.__cause__, TimeoutError):
                raise
            if monotonic() - engine.link.heard_at >= VERDICT:
                self._node.drop(engine)
                raise

    def _pause(self, seconds: float, engine: Engine | None) -> None:
        """Until the next try; `wake` doesn't shorten it, so that failing calls can't cause a storm."""
        limit = monotonic() + (min(seconds, DOCKER_RETRY) if engine and engine.alive else seconds)
        while not self._stopped and monotonic() < limit:
            time.sleep(min(0.1, max(0.0, limit - monotonic())))
        self._wake.clear()


class Following:
    """One event stream of one connection.

    `told` is called with the container's ID at each event, and with "" when it names none or the stream ends;
    `said` with "" when it is open, and once with why an event can't be read.
    """

    def __init__(
        self, engine: Engine, fleet: str, told: Callable[[str], None], said: Callable[[str], None]
    ) -> None:
        self.engine, self._told, self._said = engine, told, said
        self._opened = threading.Event()
        self._began = monotonic()
        self._ended_at: float | None = None
        self._error: ReconcilerError | None = None
        self._complaint = ""
        filters = {"type": ["container"], "event": list(EVENTS), "label": [f"{FLEET}={fleet}"]}
        self._params = {"since": engine.ping() - 1, "filters": filters}
        Supervised(f"events-{engine.node}", self._read).start()
        if not self._opened.wait(OPENING):
            raise TimeoutError
        if self._error is not None:
            raise self._error

    @property
    def seconds(self) -> float:
        """How long it has gone on, or went on."""
        return (monotonic() if self._ended_at is None else self._ended_at) - self._began

    def goes_on(self, engine: Engine) -> bool:
        return engine is self.engine and self._ended_at is None

    def _read(self) -> None:
        """Whatever ends it, the watch opens another: it is the one that says what is wrong with the node."""
        try:
            options: dict[str, Any] = {"params": self._params, "timeout": None, "most": inf}
            with self.engine.stream("GET", "/events", **options) as chunks:
                self._said("")
                self._opened.set()
                for line in paced(split_lines(chunks)):
                    self._told(self._container(line))
        except ReconcilerError as error:
            self._error = error
        except Exception as error:
            self._error = NotUnderstood(reason(error), node=self.engine.node)
            self._complain(f"its events can't be followed: {self._error.message}")
        finally:
            self._ended_at = monotonic()
            self._opened.set()
            self._told("")

    def _container(self, line: bytes) -> str:
        """Whose it is. An event says that something changed: one that can't be read says that, too."""
        try:
            found: Event = decoder(Event).decode(line)
        except UNREADABLE as error:
            self._complain(f"its Docker Engine tells of events that can't be read: {complaint(error)}")
            return ""
        return found["Actor"]["ID"]

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            self._said(text)


def paced(lines: Iterator[bytes]) -> Iterator[bytes]:
    """At most `MOST_EVENTS` a second: what comes faster waits on the node, and not in our memory."""
    since, many = monotonic(), 0
    for line in lines:
        now = monotonic()
        if now - since >= 1.0:
            since, many = now, 0
        elif many >= MOST_EVENTS:
            time.sleep(max(0.0, since + 1.0 - now))
            since, many = monotonic(), 0
        many += 1
        yield line


def retries() -> Iterator[float]:
    """Seconds to wait before each further try: doubling, with jitter so that nodes don't come back as one."""
    wait = FIRST_RETRY
    while True:
        yield wait * random.uniform(0.5, 1.0)
        wait = min(LAST_RETRY, wait * 2)
