"""Takes failed versions back in Git, in a thread beside the loop, so that a slow server holds up nothing.

What is due is told in each pass; what was done is forgotten when it is no longer due. Nothing is kept over
a restart: the branch itself says what was done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Protocol

from reconciler.errors import ReconcilerError, RevertError
from reconciler.manifests.desired import desired
from reconciler.manifests.kustomize import Renderer
from reconciler.manifests.load import LoadCache, Loaded, load_tree
from reconciler.model.base import Value
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.reversal import Reversal, Reverted
from reconciler.model.revision import Revision
from reconciler.source.reverting import Judge
from reconciler.source.snapshot import Snapshot
from reconciler.supervision import Supervised, sign_of_life

FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 600.0
"""After a failure that may pass: a server that is down, missing rights."""
CLOSE_S = 5.0
LONGEST_S = 1800.0
"""For one attempt: fetching, judging and pushing a large repository."""
_log = logging.getLogger(__name__)


class Reverter(Protocol):
    """`source.reverting.Reverter`."""

    def revert(self, reversal: Reversal, judge: Judge) -> str: ...
    def close(self) -> None: ...


class Tried(Value):
    """One attempt, or several alike. `at`: when to try again (epoch seconds), inf: when the newest revision
    isn't `revision` any more, or never if it is `done`.
    """

    at: float
    revision: str
    count: int = 0
    done: bool = False
    error: str = ""


class Reverts:
    """One fleet's. `wake` is called, from our thread, when `ended` or `complaints` give something new."""

    def __init__(
        self,
        fleet: Fleet,
        reverter: Reverter,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fleet, self._reverter, self._wake, self._clock = fleet, reverter, wake, clock
        self._renderer = Renderer(remote=fleet.spec.manifests.remote_bases == "allow")
        self._due: tuple[Reversal, ...] = ()
        self._revision = ""
        self._tried: dict[tuple[Key, str], Tried] = {}
        self._ended: deque[Reverted] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: Supervised | None = None

    def pursue(self, due: tuple[Reversal, ...], revision: str) -> None:
        """`due` are all that are due now, `revision` is the newest that was seen. Doesn't block."""
        with self._changed:
            if (due, revision) == (self._due, self._revision):
                return
            self._due, self._revision = due, revision
            known = {_id(one) for one in due}
            self._tried = {key: tried for key, tried in self._tried.items() if key in known}
            if due and self._thread is None and not self._closed:
                self._thread = Supervised("reverts", self._run, changed=self._wake)
                self._thread.start()
            self._changed.notify()

    def ended(self) -> tuple[Reverted, ...]:
        """What came of attempts since this was asked last; a failure that repeats itself is told once."""
        found = []
        while self._ended:
            found.append(self._ended.popleft())
        return tuple(found)

    def complaints(self) -> tuple[str, ...]:
        """What is due and can't be done, each in one line."""
        with self._changed:
            failed = [(one.about, tried.error) for one in self._due if (tried := self._tried.get(_id(one)))]
        return tuple(f"{about} isn't taken back in Git: {error}" for about, error in failed if error)

    def close(self) -> None:
        """What is under way is cut off. May be called twice."""
        with self._changed:
            self._closed = True
            if self._thread is not None:
                self._thread.end()
            self._changed.notify()
        self._renderer.stop()
        self._reverter.close()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (found := self._next()) is not None:
            reversal, revision = found
            sign_of_life(LONGEST_S)
            if (outcome := self._attempt(reversal)) is not None:
                self._take(reversal, revision, outcome)
            self._wake()

    def _next(self) -> tuple[Reversal, str] | None:
        """Wait for the next that is to be tried; None at the end."""
        with self._changed:
            while not self._closed:
                times = {one: self._when(one) for one in self._due}
                one = min(times, key=lambda o: times[o], default=None)
                now = self._clock()
                if one is not None and times[one] <= now:
                    return one, self._revision
                wait = times[one] - now if one is not None else inf
                sign_of_life(wait)
                self._changed.wait(None if wait == inf else wait)
        return None

    def _when(self, reversal: Reversal) -> float:
        tried = self._tried.get(_id(reversal))
        if tried is None:
            return 0.0
        return 0.0 if tried.at == inf and not tried.done and tried.revision != self._revision else tried.at

    def _attempt(self, reversal: Reversal) -> Reverted | RevertError | None:
        """The error of one that can't succeed until the branch moves is given as it is. None: it was given
        up, and is as if it hadn't been tried.
        """
        judge = _Judge(self._fleet, reversal, lambda: self._is_due(reversal), self._renderer)
        try:
            commit = self._reverter.revert(reversal, judge)
            return Reverted(reversal=reversal, commit=commit) if commit or not judge.pardoned else None
        except RevertError as error:
            return error
        except ReconcilerError as error:
            return Reverted(reversal=reversal, error=error.line)
        except Exception as error:
            _log.exception("a bug while taking %s back", reversal.about)
            return Reverted(reversal=reversal, error=f"internal error: {error!r}")

    def _is_due(self, reversal: Reversal) -> bool:
        """Somebody may have said `retry` or `pause` while it was under way: the first one takes its time."""
        return _id(reversal) in map(_id, self._due)

    def _take(self, reversal: Reversal, revision: str, outcome: Reverted | RevertError) -> None:
        waits = isinstance(outcome, RevertError)
        end = Reverted(reversal=reversal, error=outcome.line) if isinstance(outcome, RevertError) else outcome
        with self._changed:
            if self._closed:
                return
            before = self._tried.get(_id(reversal))
            count = before.count + 1 if before is not None else 1
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(count - 1, 10))
            later = inf if waits or not end.error else self._clock() + pause
            self._tried[_id(reversal)] = Tried(
                at=later, revision=revision, count=count, done=bool(end.commit), error=end.error
            )
            told = before is not None and before.error == end.error
            if end.commit or (end.error and not told):
                self._ended.append(end)


def _id(reversal: Reversal) -> tuple[Key, str]:
    return reversal.about, reversal.template_hash


class _Judge:
    """What a tree of files means for one object; and whether what is asked for is `wanted`."""

    def __init__(
        self, fleet: Fleet, reversal: Reversal, wanted: Callable[[], bool], renderer: Renderer
    ) -> None:
        self._fleet, self._about, self._cache = fleet, reversal.about, LoadCache()
        self._renderer = renderer
        self._known = (reversal.template_hash, reversal.stable_hash)
        self._wanted, self.pardoned = wanted, False

    def wanted(self) -> bool:
        self.pardoned = not self._wanted()
        return not self.pardoned

    def version(self, snapshot: Snapshot) -> str:
        found = desired(self._fleet, Revision(id=""), self._loaded(snapshot, None).objects)
        former = found.former.get(self._about, "")  # a version of before this form of hashes keeps its name
        return former if former in self._known else found.hashes.get(self._about, "")

    def fault(self, snapshot: Snapshot) -> str:
        errors = self._loaded(snapshot, self._fleet).errors
        return str(errors[0]) if errors else ""

    def _loaded(self, snapshot: Snapshot, fleet: Fleet | None) -> Loaded:
        top, cache, renderer = snapshot.top, self._cache, self._renderer
        return load_tree(snapshot.root, tree=top, fleet=fleet, cache=cache, renderer=renderer)
