"""What runs beside the loop, as the loop knows it; `wiring` brings the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconciler.model.desired import Contents, Desired
from reconciler.model.plan import Measure, Measured
from reconciler.model.progress import Progress
from reconciler.model.reversal import Reversal, Reverted
from reconciler.model.traffic import Challenge


class ProgressKeeper(Protocol):
    """Where progress is kept between passes and lives."""

    def load(self) -> Progress: ...
    def save(self, progress: Progress) -> None: ...


class Certificates(Protocol):
    """Certificates that are obtained beside the loop (`certificates.Certifier`)."""

    def complete(self, desired: Desired) -> Desired: ...
    def published(self, challenges: tuple[Challenge, ...]) -> None: ...
    def complaints(self) -> tuple[str, ...]: ...
    def close(self) -> None: ...


class Analyst(Protocol):
    """Measurements that are made beside the loop (`measuring.Analyst`)."""

    def submit(self, measures: Sequence[Measure], contents: Contents) -> None: ...
    def ended(self) -> Sequence[Measured]: ...
    def close(self) -> None: ...


class Reverts(Protocol):
    """Versions that are taken back in Git beside the loop (`reverts.Reverts`)."""

    def pursue(self, due: tuple[Reversal, ...], revision: str) -> None: ...
    def ended(self) -> tuple[Reverted, ...]: ...
    def complaints(self) -> tuple[str, ...]: ...
    def close(self) -> None: ...
