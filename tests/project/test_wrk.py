"""What wrk prints is understood, its errors above all."""

from __future__ import annotations

import pytest

from benchmarks.wrk import Throughput, parse

GOOD = """Running 5s test @ http://10.43.0.7/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.11ms    4.32ms  60.01ms   91.44%
    Req/Sec     8.60k     1.02k   10.55k    72.00%
  Latency Distribution
     50%    1.61ms
     75%    3.05ms
     90%    7.12ms
     99%   21.03ms
  42816 requests in 5.01s, 6.21MB read
Requests/sec:   8547.31
Transfer/sec:      1.24MB
"""
ERRORS = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n"


def test_figures() -> None:
    assert parse(GOOD) == Throughput(rate=8547.31, p99_ms=21.03, errors=0)


def test_all_errors_count() -> None:
    assert parse(GOOD.replace("Requests/sec", f"{ERRORS}Requests/sec")).errors == 15


@pytest.mark.parametrize(("printed", "meant"), [("921.00us", 0.921), ("1.20s", 1200.0), ("1.00m", 60_000.0)])
def test_units(printed: str, meant: float) -> None:
    assert parse(GOOD.replace("21.03ms", printed)).p99_ms == pytest.approx(meant)


def test_anything_else_is_told() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        parse("unable to connect to 10.43.0.7:80 Connection refused")
