"""Tables on a terminal: whatever its width, what matters can be read."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from reconciler.cli.page import Table
from reconciler.cli.picture import drawn_table

NAME = "web-b87cd75c6a-2-background"
LAST, WHY = "1/24 errors, 3 ms; stable 0/460 errors, 2.25 ms", "2 failed (limit 1)"
RUNS = Table(
    columns=("ANALYSIS", "OF", "PHASE", "METRIC", "✖", "LAST", "WHY"),
    rows=(
        (NAME, "background", "Failed", "error-rate", "2", LAST, WHY),
        (NAME, "background", "Running", "error-rate", "", "", ""),
    ),
)
NODES = Table(
    columns=("NODE", "STATE", "DOCKER", "OS", "NETWORK"),
    rows=(("pi-1", "Ready", "20.10.24+dfsg1", "Debian GNU/Linux 12 (bookworm)", "running"),),
)


def drawn(table: Table, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(drawn_table(table), end="")
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_wide_terminal_has_each_row_in_one_line() -> None:
    header, row, *others = drawn(RUNS, 200)
    assert header.split()[-2:] == ["LAST", "WHY"]
    assert row.endswith(f"{LAST}  {WHY}")
    assert len(others) == 1


def test_texts_without_room_stand_below_their_row() -> None:
    assert drawn(RUNS, 80) == [
        "ANALYSIS                     OF          PHASE    METRIC      ✖",
        f"{NAME}  background  Failed   error-rate  2",
        f"    LAST  {LAST}",
        f"    WHY  {WHY}",
        f"{NAME}  background  Running  error-rate",
    ]


def test_the_widest_column_is_cut_before_all_the_others() -> None:
    assert drawn(RUNS, 60)[1] == "web-b87cd75c6a-2-backgr…  background  Failed   error-rate  2"


def test_a_text_that_gets_enough_wraps_in_its_column() -> None:
    lines = drawn(NODES, 60)
    assert lines[0].split() == ["NODE", "STATE", "DOCKER", "OS", "NETWORK"]
    assert lines[1].startswith("pi-1  Ready  20.10.24+dfsg1  Debian")
    assert len(lines) == 3


@pytest.mark.parametrize("width", [1, 2, 5, 12, 30, 47, 60, 79, 81, 120])
@pytest.mark.parametrize("table", [RUNS, NODES], ids=["runs", "nodes"])
def test_no_width_is_too_small_to_be_drawn(table: Table, width: int) -> None:
    lines = drawn(table, width)
    assert all(len(line) <= width for line in lines)
    if width >= 12:
        assert "Debian" in " ".join(lines) or "1/24" in " ".join(lines)
