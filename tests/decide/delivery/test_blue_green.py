"""Blue-green: preview, switch, what stays warm, and the way back."""

from __future__ import annotations

from typing import Any

from reconciler.decide.delivery.ephemeral import ephemeral
from reconciler.model.action import Publish
from reconciler.model.plan import Measure
from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

BASE: dict[str, Any] = {"activeService": "web", "previewService": "web-preview"}


def course_of(*, nodes: tuple[str, ...] = (), **more: Any) -> Course:
    return Course({"blueGreen": {**BASE, **more}}, web(), web("web-preview"), replicas=2, nodes=nodes)


def test_it_switches_when_the_new_set_is_whole() -> None:
    course = course_of()
    slot = course.routed().live
    course.push("v2")
    assert course.shares() == {"v2": 100}
    assert course.routed().live != slot
    assert course.pods() == {"v1": 2, "v2": 2}
    course.wait(31)
    assert course.pods() == {"v2": 2}
    assert course.standing == "converged"


def test_the_new_set_stands_by_in_the_other_slot_before_the_switch() -> None:
    course = course_of(autoPromotionEnabled=False)
    course.push("v2")
    service = course.routed()
    assert course.shares() == {"v1": 100}
    assert {e.slot for e in service.ports[0].endpoints} == {"a", "b"}
    assert len(service.ports[0].endpoints) == 4
    before = {(e.name, e.slot) for e in service.ports[0].endpoints}
    course.order("promote")
    after = {(e.name, e.slot) for e in course.routed().ports[0].endpoints}
    assert before == after, "the switch moves no endpoint"
    assert course.shares() == {"v2": 100}


def test_the_preview_service_leads_to_the_newest() -> None:
    course = course_of(autoPromotionEnabled=False)
    assert course.shares("web-preview") == {"v1": 100}
    course.push("v2")
    assert course.shares("web-preview") == {"v2": 100}
    assert course.standing == "paused: paused at preview until it is promoted"


def test_it_is_promoted_by_time() -> None:
    course = course_of(autoPromotionSeconds=60)
    course.push("v2")
    course.wait(50)
    assert course.shares() == {"v1": 100}
    course.wait(12)
    assert course.shares() == {"v2": 100}


def test_a_small_preview_becomes_whole_before_the_switch() -> None:
    course = course_of(autoPromotionEnabled=False, previewReplicaCount=1)
    course.push("v2")
    assert course.pods() == {"v1": 2, "v2": 1}
    course.order("promote")
    assert course.pods() == {"v1": 2, "v2": 2}
    assert course.shares() == {"v2": 100}


def test_undo_within_the_delay_is_one_switch() -> None:
    course = course_of(scaleDownDelaySeconds=300)
    course.push("v2")
    assert course.shares() == {"v2": 100}
    ends = {(e.name, e.slot) for e in course.routed().ports[0].endpoints}
    assert course.order("undo").startswith("back to version")
    assert course.shares() == {"v1": 100}
    assert {(e.name, e.slot) for e in course.routed().ports[0].endpoints} == ends
    course.wait(31)
    assert course.pods() == {"v1": 2}


def test_a_revert_within_the_delay_is_one_switch() -> None:
    course = course_of(scaleDownDelaySeconds=300, autoPromotionEnabled=False)
    course.push("v2")
    course.order("promote")
    course.push("v1")
    assert course.shares() == {"v1": 100}


def test_an_abort_of_a_preview_leaves_the_active_set() -> None:
    course = course_of(autoPromotionEnabled=False, abortScaleDownDelaySeconds=10)
    course.push("v2")
    course.order("abort")
    assert course.shares() == {"v1": 100}
    assert course.pods() == {"v1": 2, "v2": 2}
    course.wait(11)
    assert course.pods() == {"v1": 2}


def test_delay_zero_keeps_an_aborted_set() -> None:
    course = course_of(autoPromotionEnabled=False, abortScaleDownDelaySeconds=0)
    course.push("v2")
    course.order("abort")
    course.wait(5000)
    assert course.pods() == {"v1": 2, "v2": 2}


def test_only_so_many_sets_stay_warm() -> None:
    course = course_of(scaleDownDelaySeconds=500, scaleDownDelayRevisionLimit=1)
    course.push("v2")
    course.push("v3")
    course.push("v4")
    assert course.pods() == {"v3": 2, "v4": 2}


def test_a_third_version_takes_the_previews_place() -> None:
    course = course_of(autoPromotionEnabled=False)
    course.push("v2")
    course.push("v3")
    course.wait(3)
    assert course.pods() == {"v1": 2, "v3": 2}
    assert course.shares() == {"v1": 100}
    assert course.shares("web-preview") == {"v3": 100}


def test_a_failed_judgement_before_promotion_aborts() -> None:
    course = _judged("pre", lambda _: "0")
    course.push("v2")
    assert course.standing.startswith("failed: web-")
    assert course.shares() == {"v1": 100}


def test_a_failed_judgement_after_promotion_switches_back() -> None:
    course = _judged("post", lambda _: "0")
    course.push("v2")
    assert course.standing.startswith("failed: web-")
    assert course.shares() == {"v1": 100}


def test_judged_well_it_stays() -> None:
    for when in ("pre", "post"):
        course = _judged(when, lambda _: "1")
        course.push("v2")
        assert course.shares() == {"v2": 100}
        assert course.state.phase == "complete"


def _judged(when: str, measure: Any) -> Course:
    metric = {"name": "good", "successCondition": "result == 1", "provider": {"web": {"url": "http://x"}}}
    analysis = {"templates": [{"templateName": "smoke"}]}

    def answer(measure_: Measure) -> str:
        return str(measure(measure_))

    return Course(
        {"blueGreen": {**BASE, f"{when}PromotionAnalysis": analysis}},
        web(),
        web("web-preview"),
        templates=(analysis_template("smoke", metric),),
        replicas=2,
        measure=answer,
    )


def test_memory_that_is_lost_holds_the_active_set() -> None:
    course = course_of(autoPromotionEnabled=False)
    course.push("v2")
    live = course.routed().live
    course.forget()
    assert course.shares() == {"v1": 100}
    assert course.routed().live == live
    assert course.standing.startswith("paused: where it stood was lost")
    course.order("promote")
    course.order("promote")
    assert course.shares() == {"v2": 100}


def test_memory_that_is_lost_after_the_switch_keeps_it() -> None:
    course = course_of(scaleDownDelaySeconds=600)
    course.push("v2")
    course.forget()
    assert course.shares() == {"v2": 100}
    course.order("resume")
    course.wait(700)
    assert course.pods() == {"v2": 2}


def test_memory_that_is_lost_keeps_older_sets_that_are_warm_until_somebody_says_how_to_go_on() -> None:
    course = course_of(scaleDownDelaySeconds=600)
    course.push("v2")
    course.push("v3")
    assert course.pods() == {"v1": 2, "v2": 2, "v3": 2}
    course.forget()
    assert course.pods() == {"v1": 2, "v2": 2, "v3": 2}
    course.wait(700)
    assert course.pods() == {"v1": 2, "v2": 2, "v3": 2}
    course.order("resume")
    course.wait(700)
    assert course.pods() == {"v3": 2}


def test_memory_that_is_lost_is_what_most_nodes_were_told() -> None:
    """The reconciler died before it had told the first of the nodes."""
    course = course_of(scaleDownDelaySeconds=600, autoPromotionEnabled=False, nodes=("pi-1", "pi-2", "pi-3"))
    course.push("v2")
    before = course.fleet.machines["pi-1"].traffic
    assert before is not None
    course.order("promote")
    course.fleet.perform(
        Publish(node="pi-1", because="it wasn't told", owner=None, traffic=before), course.now
    )
    course.forget()
    assert course.shares() == {"v2": 100}


def test_memory_that_is_lost_after_the_switch_can_be_aborted() -> None:
    course = course_of(scaleDownDelaySeconds=600)
    course.push("v2")
    course.forget()
    course.order("abort")
    assert course.shares() == {"v1": 100}


def test_a_dead_node_heals_while_it_is_previewed() -> None:
    course = course_of(autoPromotionEnabled=False)
    course.push("v2")
    course.fleet.machines["pi-2"].reachable = False
    course.wait(400)
    assert course.shares() == {"v1": 100}
    assert course.state.phase == "paused"


def test_what_pods_have_as_long_as_they_are_active_or_previewed() -> None:
    roles = {f"{role}Metadata": {"labels": {"role": role}} for role in ("active", "preview")}
    course = course_of(autoPromotionEnabled=False, **roles)
    old = course.state.template_hash
    new = course.push("v2")
    assert _roles(course) == {old: "active", new: "preview"}
    course.order("promote")
    assert _roles(course)[new] == "active"
    assert "preview" not in _roles(course).values()


def _roles(course: Course) -> dict[str, str]:
    given = ephemeral(course.desired, course.progress.rollouts)
    return {version: more.labels["role"] for (_, version), more in given.items()}
