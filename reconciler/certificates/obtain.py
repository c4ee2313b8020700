"""One attempt at one certificate, from connecting to the chain; every failure comes back as a reason."""

from __future__ import annotations

import logging
from collections.abc import Callable

from reconciler.certificates import account, order
from reconciler.certificates.folder import Folder
from reconciler.certificates.held import Held
from reconciler.certificates.order import Pause
from reconciler.certificates.reasons import Reason, reason
from reconciler.model.fleet import ACMESpec
from reconciler.model.traffic import Challenge

log = logging.getLogger(__name__)


class Closing(Exception):
    """We are to end. Never an outcome."""


def obtain(
    spec: ACMESpec,
    folder: Folder,
    hosts: tuple[str, ...],
    publish: Callable[[tuple[Challenge, ...]], None],
    pause: Pause,
) -> Held | Reason:
    """`publish` returns when the challenges are in force. Raises `Closing` alone, which comes from there."""
    try:
        return _steps(spec, folder, hosts, publish, pause)
    except Closing:
        raise
    except Exception as error:
        why = reason(error, spec.directory)
        if why is None:
            log.exception("certificates: a bug")
            return Reason(f"a bug: {type(error).__name__}; its traceback is in the log")
        if why.no_account:
            account.forget_registration(folder)
        return why


def _steps(
    spec: ACMESpec,
    folder: Folder,
    hosts: tuple[str, ...],
    publish: Callable[[tuple[Challenge, ...]], None],
    pause: Pause,
) -> Held:
    client = account.connect(spec, folder)
    try:
        placed = order.begin(client, hosts)
        if placed.open:
            publish(order.challenges(client, placed))
            order.answer(client, placed)
            order.validated(client, placed, pause)
        return order.finalised(client, placed, pause)
    finally:
        client.net.session.close()
