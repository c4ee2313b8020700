"""Where deliveries are asked about and told what to do: the reconciler that runs here, or else its record."""

from __future__ import annotations

import contextlib
import http.client
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from reconciler.api.order_forms import PATIENCE_S, Asked, Given, Trouble, user_at_machine
from reconciler.cli.ask import UnixConnection, public_door, read_whole, sockets
from reconciler.decide.delivery.orders import ordered
from reconciler.errors import UsageError
from reconciler.loop.orders import Fold
from reconciler.model.base import typed
from reconciler.model.delivery import Order, Verb
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.record.deliveries import DeliveryStatus, delivered, deliveries, find

LATER = (
    "no reconciler runs: it takes effect with the next `reconciler apply`, or when `reconciler serve` runs"
)


class Away(UsageError):
    """The reconciler that runs here doesn't tell how things stand, as one that is just starting or ending."""


class Asking:
    """Of one fleet. `source` and `branch` as on `plan`'s command line; only read when no reconciler runs.

    `locks` is where it is written who runs it; left out, where this user's environment says.
    """

    def __init__(
        self,
        fleet: Fleet,
        source: str | None = None,
        branch: str | None = None,
        *,
        fold: Fold = ordered,
        locks: Path | None = None,
    ) -> None:
        self._fleet, self._source, self._branch, self._fold = fleet, source, branch, fold
        self._locks = locks

    def look(self, about: Key | None = None) -> tuple[DeliveryStatus, ...]:
        """What is delivered, or one of it, as the reconciler sees it, or as nodes and record tell."""
        door = self._door() or self._public()
        if door is None:
            return self._look_here()
        if about is not None:
            return (_talk(door, "GET", f"/rollouts/{'/'.join(about)}", b"", DeliveryStatus),)
        found: tuple[DeliveryStatus, ...] = _talk(door, "GET", "/rollouts", b"", tuple[DeliveryStatus, ...])
        return found

    def find(self, name: str, namespace: str | None) -> Key:
        """Raises `UsageError` when nothing or several things are called so."""
        if self._door() or self._public():
            return find((one.key for one in self.look()), name, namespace)
        return find(delivered(self._survey()[0]), name, namespace)

    def order(self, about: Key, verb: Verb) -> str:
        """What it comes to, in words. Raises `UsageError` where it can't be carried out."""
        door = self._door(PATIENCE_S + 5.0)
        if door is not None:
            body = msgspec.json.encode(Asked(about=about, verb=verb))
            given: Given = _talk(door, "POST", "/orders", body, Given)
            return given.words
        if self._public() is not None:
            raise self._not_ours()
        return self._order_here(about, verb)

    def _door(self, timeout: float = 5.0) -> UnixConnection | None:
        """An open connection to the reconciler that this user may give orders to."""
        for path in sockets(self._fleet, self._where()):
            door = UnixConnection(path, timeout)
            with contextlib.suppress(OSError):  # it has just ended, or doesn't answer: the lock says so
                door.connect()
                return door
        return None

    def _public(self) -> http.client.HTTPConnection | None:
        """Another user's reconciler tells everybody how things stand."""
        return public_door(self._fleet, self._where())

    def _where(self) -> Path:
        from reconciler.wiring import lock_dir

        return self._locks or lock_dir()

    def _not_ours(self) -> UsageError:
        """It has a record of its own, and would never hear of an order that is kept in this user's."""
        return UsageError(
            "a reconciler runs this fleet that this user can't give orders to",
            where=f"fleet {self._fleet.metadata.name}",
            remedy="run the verb on its machine, as the user that runs it",
        )

    def _survey(self, *, nodes: bool = False) -> Any:
        """What is wanted, what there is (with `nodes`), where rollouts stand."""
        from reconciler.wiring import observe_once, pick_source, survey

        source = pick_source(self._fleet, self._source, self._branch)
        return survey(self._fleet, source, (lambda: observe_once(self._fleet)) if nodes else None)

    def _look_here(self) -> tuple[DeliveryStatus, ...]:
        desired, observed, progress = self._survey(nodes=True)
        found = deliveries(desired, observed, progress, None, time.time(), delivered(desired))
        return tuple(msgspec.structs.replace(one, running=False) for one in found)

    def _order_here(self, about: Key, verb: Verb) -> str:
        """Under the fleet's lock: a reconciler that begins meanwhile would overwrite it."""
        from reconciler.loop.narrate_delivery import order_event
        from reconciler.record.journal import Journal
        from reconciler.record.progress import ProgressStore
        from reconciler.wiring import lock, open_store

        with lock(self._fleet):
            desired, _, progress = self._survey()
            order = Order(about=about, verb=verb, who=user_at_machine(os.geteuid()), at=time.time())
            after, words = self._fold(progress, order, desired)
            store = open_store(self._fleet)
            try:
                ProgressStore(store).save(after)
                journal = Journal(store, self._fleet.metadata.name)
                journal.event(order_event(order, words, order.at, desired.revision.id))
            finally:
                store.close()
        return f"{words}\n{LATER}"


def _talk(door: http.client.HTTPConnection, method: str, path: str, body: bytes, kind: Any) -> Any:
    try:
        door.request(method, path, body)
        answer = door.getresponse()
        found = read_whole(answer)
        if answer.status == 200:
            return msgspec.json.decode(found, type=typed(kind))
        if answer.status == 500:
            trouble = Trouble(
                message="the reconciler met a bug", remedy="its log says what it is; please report it"
            )
        else:
            trouble = msgspec.json.decode(found, type=typed(Trouble))
    except msgspec.DecodeError as error:
        remedy = "after an upgrade, restart it: no container restarts because of that"
        raise UsageError(
            "the reconciler that runs here answers as another version of it would", remedy=remedy
        ) from error
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
        raise Away(
            f"the reconciler that runs here didn't answer: {said}",
            remedy="`reconciler rollout status` says whether the order was carried out",
        ) from error
    finally:
        door.close()
    kind_of = Away if answer.status == 503 else UsageError
    raise kind_of(trouble.message, where=trouble.where, remedy=trouble.remedy)
