"""Every verb at every stage: what it comes to, or why it makes no sense there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.decide.delivery.orders import ordered
from reconciler.errors import UsageError
from reconciler.model.delivery import Order, Verb
from reconciler.model.meta import Key
from reconciler.record.deliveries import delivery_status
from tests.decide.builders import ROLLOUT, deployment, desired
from tests.decide.delivery.course import Course, web

GREEN = {"activeService": "web", "previewService": "web-preview", "autoPromotionEnabled": False}


def order(course: Course, verb: Verb, about: Key = ROLLOUT) -> Order:
    return Order(about=about, verb=verb, who="ada@desk", at=course.now)


def canary() -> Course:
    steps = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": 60}}]
    routing = {"trafficRouting": {}, "canaryService": "web-canary", "stableService": "web-stable"}
    return Course({"canary": {"steps": steps, **routing}}, web(), web("web-canary"), web("web-stable"))


def green() -> Course:
    return Course({"blueGreen": GREEN}, web(), web("web-preview"), replicas=2)


def first() -> Course:
    course = canary()
    course.progress = type(course.progress)()
    course.fleet.machines["pi-1"].pods.clear()
    course.fleet.machines["pi-2"].pods.clear()
    course.turn()
    return course


def stepping() -> Course:
    course = canary()
    course.push("v2")
    return course


def timed() -> Course:
    course = stepping()
    course.order("promote")
    return course


def paused() -> Course:
    course = canary()
    course.order("pause")
    return course


def done() -> Course:
    course = stepping()
    course.order("promote-full")
    return course


def aborted() -> Course:
    course = stepping()
    course.order("abort")
    return course


def preview() -> Course:
    course = green()
    course.push("v2")
    return course


WHERE: dict[str, Callable[[], Course]] = {
    "first": first,
    "fresh": canary,
    "stepping": stepping,
    "timed": timed,
    "paused": paused,
    "done": done,
    "aborted": aborted,
    "preview": preview,
}
TABLE: dict[str, dict[str, str]] = {
    "pause": dict.fromkeys(WHERE, "paused") | {"paused": "! paused already"},
    "resume": {
        "first": "! isn't paused",
        "fresh": "! isn't paused",
        "stepping": "goes on",
        "timed": "goes on",
        "paused": "goes on",
        "done": "! isn't paused",
        "aborted": "! isn't paused",
        "preview": "goes on",
    },
    "promote": dict.fromkeys(WHERE, "! has no update under way")
    | dict.fromkeys(("stepping", "timed", "preview"), "promoted"),
    "promote-full": dict.fromkeys(WHERE, "! has no update under way")
    | dict.fromkeys(("stepping", "timed", "preview"), "promoted in full"),
    "abort": dict.fromkeys(WHERE, "! has no update under way")
    | dict.fromkeys(("stepping", "timed", "preview"), "aborted"),
    "retry": dict.fromkeys(WHERE, "! isn't aborted") | {"aborted": "tried again"},
    "undo": dict.fromkeys(WHERE, "! has no version before this one")
    | dict.fromkeys(("stepping", "timed", "preview"), "aborted")
    | {"done": "back to version", "aborted": "! is back at its stable version"},
}
PAIRS = [(verb, where) for verb in TABLE for where in WHERE]


def test_the_table_is_whole() -> None:
    assert all(TABLE[verb].keys() == WHERE.keys() for verb in TABLE)


@pytest.mark.parametrize(("verb", "where"), PAIRS)
def test_every_verb_at_every_stage(verb: Verb, where: str) -> None:
    course, expected = WHERE[where](), TABLE[verb][where]
    before = course.progress
    said = order(course, verb)
    if expected.startswith("!"):
        with pytest.raises(UsageError, match=expected.removeprefix("! ")) as caught:
            ordered(before, said, course.desired)
        assert caught.value.remedy
        return
    after, words = ordered(before, said, course.desired)
    assert words.startswith(expected)
    way = after.rollouts[ROLLOUT].delivery
    assert way is not None
    assert (way.decisions[-1].who, way.decisions[-1].verb) == ("ada@desk", verb)
    assert before == course.progress, "what was given is left as it was"


def test_what_is_not_delivered_names_what_is() -> None:
    course = canary()
    said = order(course, "abort", Key("Deployment", "default", "api"))
    with pytest.raises(UsageError, match="isn't delivered step by step") as caught:
        ordered(course.progress, said, course.desired)
    assert "Rollout default/web" in (caught.value.remedy or "")
    plain = desired(deployment("api"))
    with pytest.raises(UsageError) as caught:
        ordered(course.progress, said, plain)
    assert "no Rollout" in (caught.value.remedy or "")


def test_a_manifest_that_pauses_must_say_otherwise() -> None:
    course = canary()
    course.commit(course.version("v1", paused=True))
    course.settle()
    with pytest.raises(UsageError, match="paused by its manifest"):
        ordered(course.progress, order(course, "resume"), course.desired)


def test_only_so_many_decisions_are_kept() -> None:
    course = canary()
    for _ in range(15):
        course.order("pause")
        course.order("resume")
    assert len(course.way.decisions) == 20


def test_promote_says_what_comes_next() -> None:
    course = stepping()
    assert course.order("promote") == "promoted to its next step"
    assert course.order("promote") == "promoted: no step is left"
    assert preview().order("promote") == "promoted: web leads to it once all its pods are available"


@pytest.mark.parametrize("which", [canary, green])
def test_what_is_undone_had_passed_its_steps(which: Callable[[], Course]) -> None:
    course = which()
    old = course.state.template_hash
    course.push("v2")
    course.order("promote-full")
    course.wait(1)
    assert course.way.stage == "done"
    assert course.order("undo") == f"back to version 1 ({old})"
    found = delivery_status(
        course.desired, course.observe(), course.progress, course.plan, course.clock, ROLLOUT
    )
    assert found is not None
    marks = [step.mark for step in found.steps]
    assert "current" not in marks
    assert marks[0] == "done"
    course.order("retry")
    assert course.way.step < 2


def test_undo_is_offered_only_where_there_is_a_version_before() -> None:
    for course, offered in ((canary(), False), (done(), True)):
        with pytest.raises(UsageError) as caught:
            course.order("promote")
        assert ("undo" in caught.value.remedy) == offered


@pytest.mark.parametrize("verb", ["abort", "undo"])
def test_what_goes_back_to_its_stable_version_can_not_be_aborted(verb: Verb) -> None:
    """There would be nothing to go back to, and nothing to try again."""
    course = canary()
    course.push("v2")
    course.commit(course.version("v1"))
    pod = next(p for p in course.observe().pods() if p.record.template_hash == course.state.stable_hash)
    course.fleet.kill_container(pod.node, pod.key, "app", course.now)
    course.turn()
    assert course.way.stage == "finishing"
    with pytest.raises(UsageError, match="goes back to its stable version anyway"):
        ordered(course.progress, order(course, verb), course.desired)
    course.settle()
    assert (course.standing, course.pods()) == ("converged", {"v1": 4})


def test_after_the_last_step_there_is_nothing_to_promote_to() -> None:
    course = stepping()
    course.order("promote")
    course.progress, _ = ordered(course.progress, order(course, "promote"), course.desired)
    course.turn()
    assert course.way.stage == "finishing"
    with pytest.raises(UsageError, match="no step left"):
        ordered(course.progress, order(course, "promote"), course.desired)


@pytest.mark.parametrize("verb", ["promote", "resume"])
def test_what_the_manifest_pauses_is_not_moved_by_hand(verb: Verb) -> None:
    course = canary()
    course.push("v2", paused=True)
    with pytest.raises(UsageError, match="paused by its manifest"):
        course.order(verb)
    assert course.way.step == 0


@pytest.mark.parametrize("verb", ["promote", "promote-full", "resume"])
def test_an_order_that_waits_for_the_manifest_says_so(verb: Verb) -> None:
    course = stepping()
    course.push("v2", paused=True)
    assert course.order(verb).endswith(", once spec.paused is false")
    assert course.shares() == {"v1": 75, "v2": 25}
    course.push("v2", paused=False)
    assert course.shares() == ({"v2": 100} if verb == "promote-full" else {"v1": 50, "v2": 50})


def test_resume_after_a_pause_leaves_the_step_its_time() -> None:
    course = timed()
    assert course.way.step == 3
    course.order("pause")
    course.wait(30)
    assert course.order("resume") == "no longer paused by an order; it waits where it is"
    assert course.standing == "paused: paused at step 4"
    course.wait(31)
    assert course.state.stable_hash == course.state.template_hash


def test_resume_after_a_pause_promotes_nothing_that_waits_for_somebody() -> None:
    for course in (stepping(), preview()):
        before = course.shares()
        course.order("pause")
        course.order("resume")
        assert course.shares() == before
        assert course.state.phase == "paused"
        course.order("resume")
        assert course.shares() != before


def test_what_was_aborted_waits_for_nothing_but_the_end_of_a_pause() -> None:
    course = timed()
    course.order("abort")
    course.wait(31)
    assert course.state.phase == "failed"
    assert course.plan.waits == ()
    course.order("pause")
    assert [str(wait) for wait in course.plan.waits] == [f"wait for {course.key}: paused by ada@desk"]


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("promote", ("Progressing", "it is on its way")),
        ("pause", ("Paused", "paused until it is promoted; paused by ada@desk")),
        ("abort", ("Degraded", "aborted by ada@desk")),
    ],
)
def test_an_order_without_a_reconciler_is_seen_at_once(verb: Verb, told: tuple[str, str]) -> None:
    """No pass follows it that could say how it stands."""
    course = stepping()
    after, _ = ordered(course.progress, order(course, verb), course.desired)
    found = delivery_status(course.desired, course.observe(), after, None, course.clock, ROLLOUT)
    assert found is not None
    assert (found.phase, found.message) == told
