"""One revision being read, in a thread of its own, so that the loop goes on meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from math import inf
from time import monotonic

from reconciler.errors import ManifestError, ReconcilerError, SourceError
from reconciler.model.desired import Desired
from reconciler.model.revision import Revision
from reconciler.supervision import Supervised, reason, sign_of_life

AGAIN_S = 10.0
"""After this, what couldn't be read for now may be read again."""
LONGEST_S = 1800.0
"""For one revision: thousands of files on a small machine."""
_log = logging.getLogger(__name__)


class Reading:
    """`read` gives what the revision wants, None when it is gone, or raises `ReconcilerError`. `ended` is
    called, from our thread, when somebody had waited in vain. From `again_at` (monotonic) on it may be read
    again: never where its manifests are wrong.
    """

    def __init__(
        self, revision: Revision, read: Callable[[], Desired | None], ended: Callable[[], None]
    ) -> None:
        self.revision = revision
        self.desired: Desired | None = None
        self.error: ReconcilerError | None = None
        self.again_at = inf
        self._read, self._ended = read, ended
        self._over, self._late, self._lock = threading.Event(), False, threading.Lock()
        Supervised("manifests", self._run).start()

    def wait(self, seconds: float) -> bool:
        """Whether it is over."""
        if self._over.wait(seconds):
            return True
        with self._lock:
            self._late = not self._over.is_set()
        return not self._late

    def abandon(self) -> None:
        """Nobody waits for it any longer. From any thread."""
        self._over.set()

    def _fail_for_now(self, error: ReconcilerError) -> None:
        self.error, self.again_at = error, monotonic() + AGAIN_S

    def _run(self) -> None:
        sign_of_life(LONGEST_S)
        try:
            self.desired = self._read()
        except ManifestError as error:
            self.error = error
        except ReconcilerError as error:
            self._fail_for_now(error)
        except (OSError, MemoryError) as error:  # this machine's trouble
            self._fail_for_now(SourceError(f"it can't be read for now: {reason(error)}"))
        except Exception as error:
            _log.exception("a bug while reading revision %s", self.revision)
            remedy = "this is a bug in the reconciler; please report it"
            self.error = SourceError(f"internal error: {error!r}"[:500], remedy=remedy)
        with self._lock:
            self._over.set()
            late = self._late
        if late:
            self._ended()
