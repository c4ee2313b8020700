"""When a certificate is renewed, and when what failed is tried again."""

from __future__ import annotations

import pytest

from reconciler.certificates import Wish
from reconciler.certificates.held import Held, serves
from reconciler.certificates.timing import DAY_S, Attempt, due, failed, renewal

WISH = Wish(namespace="default", secret="web-tls", hosts=("a.org",))
ASKED = ("a.org", "", "")


def held(days: float, *hosts: str) -> Held:
    return Held(chain="", key="", hosts=hosts or ("a.org",), begins=0, ends=days * DAY_S)


def attempt(failures: int, due: float, asked: tuple[str, ...] = ASKED) -> Attempt:
    return Attempt(asked=asked, failures=failures, due=due, reason="why")


@pytest.mark.parametrize(("life", "at"), [(90, 60), (365, 335), (30, 20), (6, 4)])
def test_renewed_a_month_or_a_third_of_its_life_before(life: float, at: float) -> None:
    assert renewal(held(life)) == pytest.approx(at * DAY_S)


def test_what_is_missing_is_due_at_once() -> None:
    assert due(WISH, None, None, ASKED, 7) == 7
    assert due(WISH, held(90, "b.org"), None, ASKED, 7) == 7
    assert due(WISH, held(90, "a.org", "b.org"), None, ASKED, 7) == 60 * DAY_S


def test_a_failure_holds_it_up_unless_something_else_is_asked() -> None:
    assert due(WISH, None, attempt(3, 500), ASKED, 7) == 500
    assert due(WISH, None, attempt(3, 500), ("b.org", "", ""), 7) == 7


def test_a_clock_that_was_wrong_holds_nothing_up_for_years() -> None:
    assert due(WISH, None, attempt(1, 1e9), ASKED, 0) == 6 * 3600


def test_pauses_double_from_a_minute_to_six_hours() -> None:
    before, pauses = None, []
    for _ in range(40):
        before = failed(before, ASKED, "why", 0, limited=False)
        pauses.append(before.due)
    assert pauses[:4] == [60, 120, 240, 480]
    assert pauses[-1] == max(pauses) == 6 * 3600
    assert before is not None
    assert before.failures == 40
    assert failed(before, ("b.org",), "why", 0, limited=False).failures == 1


def test_a_rate_limit_means_an_hour_at_least() -> None:
    assert failed(None, ASKED, "why", 0, limited=True).due == 3600
    assert failed(attempt(8, 0), ASKED, "why", 0, limited=True).due == 15360


def test_an_old_certificate_serves_what_it_can() -> None:
    more = Wish(namespace="default", secret="web-tls", hosts=("a.org", "b.org"))
    assert serves(held(1), more, 0)
    assert not serves(held(1), more, 2 * DAY_S)
    assert not serves(held(1, "c.org"), more, 0)


def test_a_complaint_is_one_line() -> None:
    said = attempt(3, 240).complaint(str(WISH), 0)
    assert said == (
        "failed (3 times) to obtain the certificate default/web-tls for a.org: why; next try in 4 min"
    )
