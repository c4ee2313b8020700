"""Obtains and renews, one certificate at a time, each when it is due. Changes only ledger and folder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from math import inf

from reconciler.certificates.folder import Folder
from reconciler.certificates.held import Held
from reconciler.certificates.ledger import Ledger
from reconciler.certificates.obtain import Closing, obtain
from reconciler.certificates.reasons import Reason
from reconciler.certificates.timing import Attempt, failed
from reconciler.certificates.wanted import Wish
from reconciler.errors import CertificateError
from reconciler.model.fleet import ACMESpec
from reconciler.model.traffic import Challenge
from reconciler.supervision import Supervised, sign_of_life

log = logging.getLogger(__name__)

LOOK_S = 60.0
"""At most so long between two looks at the clock: the machine may have slept meanwhile."""
PUBLISH_S = 300.0
LONGEST_S = 3600.0
"""For one certificate, with every name of it proved."""
CLOSE_S = 10.0

INTERRUPTED = "the reconciler was stopped while it was asking for it"


class Worker:
    """`wake` is called whenever the ledger has something new."""

    def __init__(self, spec: ACMESpec, folder: Folder, ledger: Ledger, wake: Callable[[], None]) -> None:
        self._spec, self._folder, self._ledger, self._wake = spec, folder, ledger, wake
        self._thread: Supervised | None = None

    def start(self) -> None:
        """Once is enough."""
        if self._thread is None:
            self._thread = Supervised("certificates", self._run, changed=self._wake, first_pause=LOOK_S)
            self._thread.start()

    def join(self) -> None:
        """After the ledger was closed."""
        if self._thread is not None:
            self._thread.end()
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        ended = False
        while not ended:
            seen, nap = self._ledger.wishes(), LOOK_S
            try:
                nap = min(nap, self.work())
            except Closing:
                return
            sign_of_life()
            ended = self._ledger.pause(nap, seen)

    def work(self) -> float:
        """Ask for the certificate that is due first, if one is. Returns seconds until the next one is."""
        sign_of_life(LONGEST_S)
        now = self._ledger.clock()
        times = {wish: self._ledger.due(wish, now) for wish in self._ledger.wishes()}
        if not times:
            return inf
        self._folder.tidy({wish.key for wish in times}, now)
        wish = min(times, key=lambda w: times[w])
        if times[wish] <= now:
            self._ask(wish)
            return 0.0
        return times[wish] - now

    def _ask(self, wish: Wish) -> None:
        """The failure is noted before anything is asked: killed over and over, we don't ask in a loop."""
        before = self._ledger.attempt(wish)
        log.info("asking %s for %s", self._spec.directory, wish)
        try:
            self._folder.note(wish.key, self._failure(wish, before, Reason(INTERRUPTED)))
            outcome = obtain(self._spec, self._folder, wish.hosts, self._publish, self._pause)
        except Closing:
            with contextlib.suppress(OSError):
                self._folder.note(wish.key, before)
            raise
        except OSError as error:
            outcome = Reason(f"nothing can be kept: {error}")
        finally:
            self._ledger.ask(())
        if isinstance(outcome, Held):
            self._take(wish, outcome)
        else:
            self._fail(wish, self._failure(wish, before, outcome))
        self._wake()

    def _take(self, wish: Wish, held: Held) -> None:
        """In use from now on, even if the disk doesn't take it."""
        log.info("obtained %s", wish)
        unsaved = ""
        try:
            self._folder.keep(wish.key, held)
            self._folder.note(wish.key, None)
        except OSError as error:
            unsaved = f"{error}; after a restart it is asked for again"
            log.error("%s is in use, but isn't kept: %s", wish, unsaved)
        self._ledger.has(wish, held, unsaved)

    def _fail(self, wish: Wish, attempt: Attempt) -> None:
        log.warning("%s", attempt.complaint(str(wish), self._ledger.clock()))
        self._ledger.failed(wish, attempt)
        try:
            self._folder.note(wish.key, attempt)
        except OSError as error:
            log.error("how asking for %s failed isn't kept: %s", wish, error)

    def _failure(self, wish: Wish, before: Attempt | None, why: Reason) -> Attempt:
        return failed(before, self._ledger.asked(wish), why.text, self._ledger.clock(), why.limited)

    def _publish(self, challenges: tuple[Challenge, ...]) -> None:
        """Have them served, and wait until they are, everywhere."""
        self._ledger.ask(challenges)
        self._wake()
        served = self._ledger.served(challenges, PUBLISH_S)
        self._pause(0)
        if not served:
            raise CertificateError(
                f"the ingress nodes didn't take the challenge within {PUBLISH_S:.0f} s",
                remedy="`reconciler status` says what they wait for",
            )

    def _pause(self, seconds: float) -> None:
        if self._ledger.pause(seconds):
            raise Closing
