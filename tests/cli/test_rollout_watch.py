"""Watching a delivery until it has ended."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import msgspec
import pytest

from reconciler.cli import rollout_watch
from reconciler.cli.rollout_ask import Away
from reconciler.cli.rollout_watch import show, show_all, watch
from reconciler.errors import NotConverged, UsageError
from reconciler.model.delivery import Delivery
from reconciler.model.meta import Key
from reconciler.record.deliveries import DeliveryStatus
from tests.record.delivered import NEW, NOW, WEB, paused, seen, state, verdict

PAUSED = seen(state(paused()))
GOING = seen(state(Delivery(stage="stepping", step=2, weight=20)))
HEALTHY = seen(state(Delivery(stage="done"), phase="complete", stable_hash=NEW), judged=verdict("converged"))
ABORTED = seen(state(Delivery(stage="aborted"), message="bad"))


class Course:
    """What is seen one after the other; the last one stays."""

    def __init__(self, *course: DeliveryStatus | Away) -> None:
        self._course: Iterator[DeliveryStatus | Away] = itertools.chain(course, itertools.repeat(course[-1]))
        self.looks = 0

    def look(self, about: Key | None = None) -> tuple[DeliveryStatus, ...]:
        assert about == WEB
        self.looks += 1
        one = next(self._course)
        if isinstance(one, Away):
            raise one
        return (msgspec.structs.replace(one, at=NOW + self.looks),)


def at_once(_: float) -> None:
    """No time between two looks."""


def test_it_ends_when_healthy_and_says_each_change_once(capsys: pytest.CaptureFixture[str]) -> None:
    course = Course(PAUSED, PAUSED, GOING, GOING, HEALTHY)
    watch(course, WEB, "text", "", pause=at_once)
    assert course.looks == 5
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["Paused", "Progressing", "Healthy"]


def test_it_fails_when_degraded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotConverged, match="Degraded: aborted: bad") as raised:
        watch(Course(GOING, ABORTED), WEB, "text", "", pause=at_once)
    assert "reconciler history web" in raised.value.remedy
    assert "aborted: bad" in capsys.readouterr().out


def test_after_an_abort_it_ends_when_the_stable_version_carries_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    still = msgspec.structs.replace(ABORTED, weight=20)
    (new, old) = ABORTED.sets
    few = msgspec.structs.replace(ABORTED, sets=(new, msgspec.structs.replace(old, ready=1)))
    course = Course(GOING, still, few, ABORTED, HEALTHY)
    watch(course, WEB, "text", "", wanted="Degraded", pause=at_once)
    assert course.looks == 4
    with pytest.raises(NotConverged, match="it is Healthy"):
        watch(Course(HEALTHY), WEB, "text", "", wanted="Degraded", pause=at_once)
    assert "Healthy" in capsys.readouterr().out


def test_what_a_line_does_not_show_is_no_new_line(capsys: pytest.CaptureFixture[str]) -> None:
    other = msgspec.structs.replace(GOING, ready=2)
    watch(Course(GOING, other, GOING, HEALTHY), WEB, "text", "", pause=at_once)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_out_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotConverged, match="out of time: after 1ms it is Paused: paused at step 2") as late:
        watch(Course(PAUSED), WEB, "text", "1ms", pause=at_once)
    assert "it goes on without being watched" in late.value.remedy
    assert "Paused" in capsys.readouterr().out
    with pytest.raises(NotConverged, match="out of time") as alone:
        watch(Course(msgspec.structs.replace(PAUSED, running=False)), WEB, "text", "1ms", pause=at_once)
    assert "nothing goes on" in alone.value.remedy
    with pytest.raises(UsageError, match='not a duration: "soon"'):
        watch(Course(PAUSED), WEB, "text", "soon", pause=at_once)


def test_a_reconciler_that_is_restarted_ends_no_watch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away("the reconciler carries out no revision yet")
    watch(Course(PAUSED, away, away, HEALTHY), WEB, "text", "", pause=at_once)
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == ["Paused:", "Healthy"]
    with pytest.raises(Away):
        watch(Course(away, HEALTHY), WEB, "text", "", pause=at_once)
    monkeypatch.setattr(rollout_watch, "AWAY_S", -1.0)
    with pytest.raises(Away):
        watch(Course(PAUSED, away, HEALTHY), WEB, "text", "", pause=at_once)


def test_json_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    watch(Course(PAUSED, HEALTHY), WEB, "json", "", pause=at_once)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["phase"] for one in found] == ["Paused", "Healthy"]


def test_on_a_terminal_a_picture_moves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    watch(Course(PAUSED, GOING, HEALTHY), WEB, "text", "", pause=at_once)
    out = capsys.readouterr().out
    assert "Rollout default/web: Healthy" in out


def test_one_look(capsys: pytest.CaptureFixture[str]) -> None:
    show((PAUSED,), WEB, "text", terminal=False)
    show((PAUSED,), WEB, "text", terminal=True)
    assert capsys.readouterr().out.count("Rollout default/web: Paused") == 2
    show((PAUSED,), WEB, "json", terminal=True)
    assert json.loads(capsys.readouterr().out)["name"] == "web"
    with pytest.raises(UsageError, match="isn't delivered step by step any more"):
        show((), WEB, "text", terminal=False)


def test_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    show_all((PAUSED,), "text")
    header, row = capsys.readouterr().out.splitlines()
    assert header.startswith("NAME")
    assert row.startswith("Rollout default/web")
    alone = msgspec.structs.replace(PAUSED, running=False)
    show_all((alone,), "text")
    assert capsys.readouterr().out.startswith("no reconciler runs on this machine")
    show_all((PAUSED,), "text", terminal=True)
    assert "Rollout default/web" in capsys.readouterr().out
    show_all((), "text")
    assert capsys.readouterr().out == "nothing is delivered step by step\n"
    show_all((PAUSED,), "json")
    assert len(json.loads(capsys.readouterr().out)) == 1
