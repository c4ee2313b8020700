"""A rollout on the screen: a moving picture on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from reconciler.cli.terminal import echo
from reconciler.loop.narrate import Narrator
from reconciler.loop.turn import Turn
from reconciler.printable import one_line

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

KEPT_LINES = 8
"""How many of the newest lines stand below the bars."""


class View(Protocol):
    """Shows turns; used as a context manager around the loop."""

    def show(self, turn: Turn) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_view(quiet: bool = False) -> View:
    """A moving picture where there is a terminal to draw it on."""
    return PlainView(quiet) if quiet or not sys.stdout.isatty() else TerminalView()


class PlainView:
    """One line for each thing that happens; nothing when quiet."""

    def __init__(self, quiet: bool = False) -> None:
        self._narrator, self._quiet = Narrator(), quiet

    def show(self, turn: Turn) -> None:
        lines, _ = self._narrator.tell(turn)
        if not self._quiet:
            for line in lines:
                echo(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""


class TerminalView:
    """A bar per workload that is under way, and the newest lines below."""

    def __init__(self) -> None:
        from rich.live import Live

        self._narrator = Narrator()
        self._lines: list[str] = []
        self._live: Live = Live(refresh_per_second=8)

    def show(self, turn: Turn) -> None:
        lines, _ = self._narrator.tell(turn)
        self._lines = [*self._lines, *lines][-KEPT_LINES:]
        self._live.update(_picture(turn, self._lines))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def _picture(turn: Turn, lines: list[str]) -> Group:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for key, verdict in turn.plan.verdicts.items() if turn.plan else ():
        done = min(verdict.updated, verdict.available)
        bar = ProgressBar(total=max(verdict.desired, 1), completed=done if verdict.desired else 1, width=24)
        colour = {"converged": "green", "failed": "red", "blocked": "red"}.get(verdict.standing, "yellow")
        counts = f"{done}/{verdict.desired}"
        standing = Text(verdict.standing, style=colour)
        table.add_row(Text(str(key)), bar, counts, standing, Text(one_line(verdict.message)))
    return Group(table, Text("\n".join(lines), style="dim"))
