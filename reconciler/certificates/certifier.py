"""What the loop holds in its hands: adds the certificates that we have, and sees that we have them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from reconciler.certificates.folder import Folder
from reconciler.certificates.ledger import Ledger
from reconciler.certificates.worker import Worker
from reconciler.model.desired import Desired
from reconciler.model.fleet import ACMESpec
from reconciler.model.traffic import Challenge


class Certifier:
    """One fleet's certificates, kept in `folder`. `spec` None: only says what can't be had.

    `wake` is called, from our thread, when `complete` or `complaints` would give something new. With
    `obtain` False nothing is asked of the server; what is held is still added (for `plan`).
    """

    def __init__(
        self,
        spec: ACMESpec | None,
        folder: Path,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        *,
        obtain: bool = True,
    ) -> None:
        kept = Folder(folder, spec.directory) if spec is not None else None
        self._ledger = Ledger(spec or ACMESpec(), kept, clock)
        self._worker: Worker | None = None
        if spec is not None and kept is not None and obtain:
            self._worker = Worker(spec, kept, self._ledger, wake)

    def complete(self, desired: Desired) -> Desired:
        """`desired` with the certificates that we have, as Secrets, and the challenges that are open.

        The same object as long as nothing changed, and `desired` itself when there is nothing to add. From
        the first revision that asks for a certificate on, a thread obtains what is missing.
        """
        completed = self._ledger.complete(desired)
        if self._worker is not None and self._ledger.wishes():
            self._worker.start()
        return completed

    def published(self, challenges: tuple[Challenge, ...]) -> None:
        """These, `Desired.challenges` of a turn, are in force on every ingress node."""
        self._ledger.published(challenges)

    def complaints(self) -> tuple[str, ...]:
        """What is asked for and can't be had, each in one line with its reason."""
        return self._ledger.complaints()

    def close(self) -> None:
        """End the thread; what was under way is begun again next time. May be called twice."""
        self._ledger.close()
        if self._worker is not None:
            self._worker.join()
