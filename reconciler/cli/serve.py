"""`reconciler serve`: the daemon that keeps the fleet converged."""

from __future__ import annotations

import signal
import socket
import threading
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import fleet_option
from reconciler.supervision import Supervised, sign_of_life

if TYPE_CHECKING:
    from reconciler.loop.cycle import Loop


@click.command("serve")
@fleet_option
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.option(
    "--listen", help="host:port for /healthz, /metrics, /status and the webhook; overrides nodes.yaml."
)
def command(fleet_file: Path, log_format: str, log_level: str, listen: str | None) -> None:
    """Keep the fleet as its source wants it, until SIGTERM or Ctrl-C.

    What has begun is let end; running pods are left alone.
    """
    from reconciler.api.files import raise_limit
    from reconciler.cli.inventory import inventory
    from reconciler.record.logs import setup_logging
    from reconciler.wiring import serving

    setup_logging("json" if log_format == "json" else "text", log_level)
    raise_limit()
    with serving(inventory(fleet_file), listen) as loop:
        _stop_on_signals(loop)
        loop.run()


def _stop_on_signals(loop: Loop) -> None:
    """The first signal ends the loop after its pass; a second one, at once, as usual. A thread waits for it:
    what stops a loop takes locks, and Python's handlers run wherever the main thread is.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno())

    def once(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)

    def wait() -> None:
        sign_of_life(inf)
        with told, tell:
            while told.recv(1):
                loop.stop()

    Supervised("signals", wait).start()
    signal.signal(signal.SIGTERM, once)
    signal.signal(signal.SIGINT, once)
