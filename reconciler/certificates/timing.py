"""When a certificate is renewed, and when what failed is tried again. Pure; all in seconds."""

from __future__ import annotations

from reconciler.certificates.held import Held
from reconciler.certificates.wanted import Wish
from reconciler.model.base import Value

DAY_S = 86400.0
RENEW_S = 30 * DAY_S
FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 6 * 3600.0
LIMITED_PAUSE_S = 3600.0
"""At least so long after a rate limit. Let's Encrypt's are by the hour and by the week."""


class Attempt(Value):
    """How it went so far. `failures` in a row, the next try at `due` (seconds since the epoch).

    `asked` is what was asked for: another question is asked at once. Holds nothing secret.
    """

    asked: tuple[str, ...]
    failures: int
    due: float
    reason: str

    def complaint(self, what: str, now: float) -> str:
        often = f" ({self.failures} times)" if self.failures > 1 else ""
        minutes = max(0.0, self.due - now) / 60
        return f"failed{often} to obtain {what}: {self.reason}; next try in {minutes:.0f} min"


def renewal(held: Held) -> float:
    """30 days before it ends, or after two thirds of its life if that is later."""
    return held.ends - min(RENEW_S, (held.ends - held.begins) / 3)


def due(wish: Wish, held: Held | None, attempt: Attempt | None, asked: tuple[str, ...], now: float) -> float:
    """When to ask for it next, in seconds since the epoch; may lie in the past."""
    first = renewal(held) if held is not None and set(wish.hosts) <= set(held.hosts) else now
    if attempt is None or attempt.asked != asked:
        return first
    return max(first, min(attempt.due, now + LONGEST_PAUSE_S))  # a clock that was wrong holds nothing up


def failed(before: Attempt | None, asked: tuple[str, ...], reason: str, now: float, limited: bool) -> Attempt:
    """One failure more: pauses of 1, 2, 4, ... minutes up to 6 hours."""
    failures = before.failures if before is not None and before.asked == asked else 0
    pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 20))
    pause = max(pause, LIMITED_PAUSE_S) if limited else pause
    return Attempt(asked=asked, failures=failures + 1, due=now + pause, reason=reason)
