"""`status` on a terminal: the same words, cut to its width, colour where something needs a look."""

from __future__ import annotations

from rich.console import Group
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

WIDE = frozenset({"WHY", "EVENT", "PATHS", "LAST", "STEP"})
"""Columns that may wrap; the others are kept whole."""


def picture(seen: Overview, now: float) -> Group:
    """`now` (epoch seconds) gives ages."""
    return drawn(page.page(seen, now), seen.standing)


def drawn(shown: page.Page, word: str) -> Group:
    """Any page; `word` colours its first line."""
    first = Text(shown.head[0], style=f"bold {STYLES.get(word, '')}".strip())
    parts: list[Text | Table] = [first, *map(Text, shown.head[1:])]
    for table in shown.tables:
        parts += [Text(""), drawn_table(table)]
    return Group(*parts)


def drawn_table(shown: page.Table) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in shown.columns:
        table.add_column(
            column, no_wrap=column not in WIDE, overflow="fold" if column in WIDE else "ellipsis"
        )
    for row in shown.rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return table
