"""Keeps what is known of one node fresh: connects, follows Docker's events, lists, notices silence.

A change is seen by the event that it causes; a listing after each (re)connection and every minute
corrects whatever events missed. Nothing here raises: an unreachable node is a state.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Protocol

from reconciler.engine.connection.client import Engine, values
from reconciler.errors import NodeError, NodeUnreachable, ReconcilerError
from reconciler.model.labels import FLEET

FULL_LISTING = 60.0
HEARTBEAT = 5.0
"""Seconds of silence after which the node is asked whether it is there."""
VERDICT = 10.0
"""Seconds that it then has to answer, or to send anything at all."""
FIRST_RETRY, LAST_RETRY = 0.5, 30.0
DOCKER_RETRY = 1.0
"""At most so long between tries while sshd answers and Docker doesn't: it is probably starting."""
BREATH = 0.04
"""Seconds between listings: a deploy's events come in bursts."""
EVENTS = ("create", "start", "die", "oom", "destroy", "pause", "unpause", "rename", "update")
"""Not exec_*: each exec probe would cause three."""


class Watched(Protocol):
    """What a watch drives. Each may raise `ReconcilerError` but `lost` and `drop`."""

    def reach(self) -> Engine:
        """The engine, connected to now if need be."""

    def relist(self, *, full: bool) -> None:
        """Ask for every pod and take it in; `full` asks about everything anew, and for the node's facts."""

    def measure(self) -> None:
        """Ask for what takes a shell on the node, in a quiet moment. Doesn't raise: not all grant one."""

    def stale(self, container_id: str) -> None:
        """Something happened to this container: what is known of it is no longer true."""

    def lost(self, error: ReconcilerError) -> None: ...

    def drop(self, engine: Engine) -> None: ...


class Watch:
    """One thread, and one more for the event stream. `fleet` is the label whose events count."""

    def __init__(self, name: str, fleet: str, node: Watched) -> None:
        self._name, self._fleet, self._node = name, fleet, node
        self._wake = threading.Event()
        self._stopped = False
        self._following: Following | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look now: something may have changed or broken."""
        self._wake.set()

    def stop(self) -> None:
        """Doesn't wait for the thread, which may be in a call that only a closed connection ends."""
        self._stopped = True
        self._wake.set()

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
            self._wake.wait(max(0.0, min(HEARTBEAT, whole + FULL_LISTING - monotonic())))
            if self._stopped:
                return
            full = monotonic() >= whole + FULL_LISTING
            if not full and not self._wake.is_set():
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

    def _follow(self, engine: Engine) -> None:
        """Follow events from now on; nothing that happens after this returns is missed."""
        if self._following is None or not self._following.goes_on(engine):
            self._following = Following(engine, self._fleet, self._told)

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

    `told` is called with the container's ID at each event, and with "" when the stream ends.
    """

    def __init__(self, engine: Engine, fleet: str, told: Callable[[str], None]) -> None:
        self._engine, self._told = engine, told
        self._opened = threading.Event()
        self._ended = False
        self._error: NodeError | None = None
        filters = {"type": ["container"], "event": list(EVENTS), "label": [f"{FLEET}={fleet}"]}
        self._params = {"since": engine.ping() - 1, "filters": filters}
        threading.Thread(target=self._read, name=f"events-{engine.node}", daemon=True).start()
        self._opened.wait()
        if self._error is not None:
            raise self._error

    def goes_on(self, engine: Engine) -> bool:
        return engine is self._engine and not self._ended

    def _read(self) -> None:
        try:
            with self._engine.stream("GET", "/events", params=self._params, timeout=None) as chunks:
                self._opened.set()
                for event in values(chunks):
                    self._told(event["Actor"]["ID"])
        except NodeError as error:
            self._error = error
        finally:
            self._ended = True
            self._opened.set()
            self._told("")


def retries() -> Iterator[float]:
    """Seconds to wait before each further try: doubling, with jitter so that nodes don't come back as one."""
    wait = FIRST_RETRY
    while True:
        yield wait * random.uniform(0.5, 1.0)
        wait = min(LAST_RETRY, wait * 2)
