"""`status` on a terminal: the same words, fitted to its width, colour where something needs a look."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, OverflowMethod, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from reconciler.cli import page
from reconciler.record.overview import Overview

BAD, CARE = "bold red", "yellow"

STYLES = {
    "converged": "green",
    **dict.fromkeys(("progressing", "paused", "Unknown", "Pending", "Warning"), CARE),
    **dict.fromkeys(("failed", "blocked", "NotReady", "Failed", "Error", "OOMKilled"), BAD),
    **dict.fromkeys(("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull"), BAD),
    **dict.fromkeys(("outdated", "<pending>", "running, behind"), CARE),
    **dict.fromkeys(("stopped", "absent"), BAD),
    "Terminating": "dim",
    **dict.fromkeys(("Healthy", "Successful", "✔"), "green"),
    **dict.fromkeys(("Progressing", "Paused", "Running", "Inconclusive", "canary", "preview"), CARE),
    **dict.fromkeys(("Degraded", "✖"), BAD),
    "▶": CARE,
}
"""Words that are coloured wherever they fill a cell. Everything else stays as the terminal has it."""

WIDE = frozenset({"WHY", "EVENT", "PATHS", "LAST", "STEP", "NODES", "OS"})
"""Columns that may wrap; the others are kept whole."""
LEAST = 16
"""Characters. Where a column that may wrap would have less, its texts stand below their rows."""
NAMED = 12
"""Characters that are left of the widest column at least, where it is cut so that the others stay whole."""
GAP = 2
INDENT = 4


def picture(seen: Overview, now: float) -> Group:
    """`now` (epoch seconds) gives ages."""
    return drawn(page.page(seen, now), seen.standing)


def drawn(shown: page.Page, word: str) -> Group:
    """Any page; `word` colours its first line."""
    first = Text(shown.head[0], style=f"bold {STYLES.get(word, '')}".strip())
    parts: list[Text | FittedTable] = [first, *map(Text, shown.head[1:])]
    for table in shown.tables:
        parts += [Text(""), drawn_table(table)]
    return Group(*parts)


def drawn_table(shown: page.Table) -> FittedTable:
    return FittedTable(shown)


class FittedTable:
    """A table as wide as the terminal; texts for which no room is left beside the others stand below."""

    def __init__(self, shown: page.Table) -> None:
        self._shown = shown
        self._whole = [max(map(cell_len, cells)) for cells in zip(shown.columns, *shown.rows, strict=True)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, width = self._shown, options.max_width
        wide = [i for i, column in enumerate(shown.columns) if column in WIDE]
        least = [min(whole, LEAST) if i in wide else whole for i, whole in enumerate(self._whole)]
        if not wide or _beside(least) <= width:
            yield self._table([*range(len(shown.columns))], width)
            return
        table = self._table([i for i in range(len(shown.columns)) if i not in wide], width)
        header, *lines = console.render_lines(table, options, pad=False)
        yield from (*header, Segment.line())
        for line, row in zip(lines, shown.rows, strict=True):
            yield from (*line, Segment.line())
            yield from (_below(shown.columns[i], row[i]) for i in wide if row[i])

    def _table(self, kept: list[int], width: int) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
        cut = self._cut(kept, width)
        for i in kept:
            wraps = self._shown.columns[i] in WIDE
            overflow: OverflowMethod = "fold" if wraps else "ellipsis"
            table.add_column(self._shown.columns[i], no_wrap=not wraps and i != cut, overflow=overflow)
        for row in self._shown.rows:
            cells = (Text(row[i], STYLES.get(row[i], ""), no_wrap=i == cut or None) for i in kept)
            table.add_row(*cells)
        return table

    def _cut(self, kept: list[int], width: int) -> int | None:
        """The widest column, if its loss leaves all the others whole and enough of it."""
        over = _beside([self._whole[i] for i in kept]) - width
        widest = max(kept, key=lambda i: self._whole[i])
        wraps = any(self._shown.columns[i] in WIDE for i in kept)
        return widest if not wraps and 0 < over <= self._whole[widest] - NAMED else None


def _beside(widths: list[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _below(column: str, text: str) -> Padding:
    return Padding(Text.assemble((f"{column}  ", "dim"), text), (0, 0, 0, INDENT), expand=False)
