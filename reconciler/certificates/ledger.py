"""What is wished for, held, failed and asked by the server just now: shared by the loop and our thread.

Every method holds the lock for a moment only, so the loop never waits for an ACME server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf

import msgspec

from reconciler.certificates.folder import Folder
from reconciler.certificates.held import Held, as_secret, serves
from reconciler.certificates.timing import Attempt, due
from reconciler.certificates.wanted import Wish, Wishes, wanted
from reconciler.model.config import Secret
from reconciler.model.desired import Desired
from reconciler.model.fleet import ACMESpec
from reconciler.model.meta import Key
from reconciler.model.traffic import Challenge


class Ledger:
    """`clock` gives seconds since the epoch. `folder` None: nothing is kept, and nothing can be had."""

    def __init__(self, spec: ACMESpec, folder: Folder | None, clock: Callable[[], float] = time.time) -> None:
        self.clock, self._spec, self._folder = clock, spec, folder
        self._changed = threading.Condition()
        self._closing = False
        self._wishes = Wishes()
        self._looked_at: tuple[object, ...] = ()
        self._held: dict[Key, Held | None] = {}
        self._attempts: dict[Key, Attempt | None] = {}
        self._secrets: dict[Key, tuple[Held, Secret]] = {}
        self._unsaved: dict[Key, str] = {}
        self._challenges: tuple[Challenge, ...] = ()
        self._in_force: tuple[Challenge, ...] = ()
        self._result: tuple[Desired, dict[Key, Secret], Desired] | None = None
        self._holds_until = -inf

    def complete(self, desired: Desired) -> Desired:
        """See `Certifier.complete`."""
        with self._changed:
            last = self._result
            if last is not None and desired is last[0] and self.clock() < self._holds_until:
                return last[2]
            self._look(desired)
            added = self._added()
            same = last is not None and desired is last[0] and added == last[1]
            if last is None or not same or last[2].challenges != self._challenges:
                self._result = last = desired, added, _completed(desired, added, self._challenges)
            return last[2]

    def wishes(self) -> tuple[Wish, ...]:
        with self._changed:
            return self._wishes.certificates

    def asked(self, wish: Wish) -> tuple[str, ...]:
        """What an attempt depends on: when people change it, they want to see the effect."""
        return (*wish.hosts, self._spec.email, self._spec.ca_file)

    def due(self, wish: Wish, now: float) -> float:
        """When to ask for it, in seconds since the epoch."""
        with self._changed:
            held, attempt = self._held.get(wish.key), self._attempts.get(wish.key)
            return due(wish, held, attempt, self.asked(wish), now)

    def attempt(self, wish: Wish) -> Attempt | None:
        with self._changed:
            return self._attempts.get(wish.key)

    def has(self, wish: Wish, held: Held, unsaved: str = "") -> None:
        """`unsaved`: why it couldn't be kept on the disk."""
        with self._changed:
            self._held[wish.key], self._attempts[wish.key] = held, None
            self._unsaved.pop(wish.key, None)
            if unsaved:
                self._unsaved[wish.key] = unsaved
            self._holds_until = -inf

    def failed(self, wish: Wish, attempt: Attempt) -> None:
        with self._changed:
            self._attempts[wish.key] = attempt

    def ask(self, challenges: tuple[Challenge, ...]) -> None:
        """From now on `complete` asks for these to be served, and no others."""
        with self._changed:
            self._challenges, self._in_force = challenges, ()  # a server may give the same token twice
            self._holds_until = -inf

    def published(self, challenges: tuple[Challenge, ...]) -> None:
        with self._changed:
            if challenges != self._in_force:
                self._in_force = challenges
                self._changed.notify_all()

    def served(self, challenges: tuple[Challenge, ...], seconds: float) -> bool:
        """Wait until these are in force; False when they aren't in time, or on closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or set(challenges) <= set(self._in_force), seconds)
            return set(challenges) <= set(self._in_force)

    def complaints(self) -> tuple[str, ...]:
        with self._changed:
            said = list(self._wishes.problems)
            for wish in self._wishes.certificates:
                attempt = self._attempts.get(wish.key)
                if wish.key in self._unsaved:
                    said.append(f"{wish} is in use, but isn't kept: {self._unsaved[wish.key]}")
                elif attempt is not None and attempt.asked == self.asked(wish):
                    said.append(attempt.complaint(str(wish), self.clock()))
            return tuple(said)

    def pause(self, seconds: float, seen: tuple[Wish, ...] | None = None) -> bool:
        """Wait; no longer than until other wishes than `seen` come. True: we are to end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or (seen is not None and self._wishes.certificates is not seen), seconds
            )
            return self._closing

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def _look(self, desired: Desired) -> None:
        """Take in what this revision wishes for, and read what is kept of it."""
        sources = (desired.ingresses, desired.contents, desired.fleet)
        if self._looked_at and all(a is b for a, b in zip(self._looked_at, sources, strict=True)):
            return
        self._looked_at = sources
        wishes = wanted(desired)
        if wishes == self._wishes:
            return
        self._wishes = wishes
        for wish in wishes.certificates:
            if self._folder is not None and wish.key not in self._held:
                self._held[wish.key] = self._folder.certificate(wish.key)
                self._attempts[wish.key] = self._folder.attempt(wish.key)
        self._changed.notify_all()

    def _added(self) -> dict[Key, Secret]:
        now, added = self.clock(), {}
        self._holds_until = inf
        for wish in self._wishes.certificates:
            held = self._held.get(wish.key)
            if held is not None and serves(held, wish, now):
                added[wish.key] = self._secret(wish, held)
                self._holds_until = min(self._holds_until, held.ends)
        return added

    def _secret(self, wish: Wish, held: Held) -> Secret:
        """The same object for the same certificate, whatever else changes."""
        known = self._secrets.get(wish.key)
        if known is None or known[0] is not held:
            known = self._secrets[wish.key] = held, as_secret(held, wish)
        return known[1]


def _completed(desired: Desired, added: dict[Key, Secret], challenges: tuple[Challenge, ...]) -> Desired:
    if not added and challenges == desired.challenges:
        return desired
    contents = dict(sorted({**desired.contents, **added}.items())) if added else desired.contents
    return msgspec.structs.replace(desired, contents=contents, challenges=challenges)
