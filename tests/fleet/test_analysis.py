"""Deliveries that judge for themselves, on real nodes: by our own proxies, by pods, by asking."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from reconciler.lab import Lab
from tests.fleet.load import load
from tests.fleet.lossless import TIMEOUT_S
from tests.fleet.rollouts import Course, delivering, rollout, services
from tests.fleet.site import until
from tests.measuring.server import Asked, serving

pytestmark = pytest.mark.fleet

INTERVAL_S, LIMIT = 1.0, 2
COUNT = 6
"""So many that it is told even when the load stood still in as many of them as may be inconclusive."""
MARGIN_S = 10.0
"""For a pass or two, and for a node's answer about what it counted."""


def measured(name: str, metrics: list[dict[str, object]], kind: str = "AnalysisTemplate") -> str:
    found = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"metrics": metrics},
    }
    return f"\n---\n{json.dumps(found)}\n"


NO_WORSE = measured(
    "no-worse",
    [
        {
            "name": "errors",
            "interval": f"{INTERVAL_S:.0f}s",
            "count": COUNT,
            "successCondition": "result.canary.errorRate <= result.stable.errorRate + 0.01",
            "failureLimit": LIMIT,
            "inconclusiveLimit": LIMIT,
            "provider": {"haproxy": {"minRequests": 20}},
        }
    ],
)


def canary(image: str, env: str = "") -> str:
    strategy = """
    canary:
      canaryService: app-canary
      stableService: app-stable
      trafficRouting: {}
      scaleDownDelaySeconds: 1
      abortScaleDownDelaySeconds: 1
      steps: [{setWeight: 50}, {analysis: {templates: [{templateName: no-worse}]}}]
"""
    return rollout(image, strategy, env=env) + services("app-stable", "app-canary") + NO_WORSE


@pytest.fixture(scope="module")
def course(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    with delivering(lab, tmp_path_factory.mktemp("analysis"), canary(apps["app:v1"])) as ready:
        yield ready


def test_of_a_canary_that_fails_one_request_in_twenty_our_own_proxies_tell(
    course: Course, apps: dict[str, str]
) -> None:
    """Nobody does anything, and no Prometheus is there: it is aborted within interval x limit."""
    with load(course.url(), rate=200.0, timeout=TIMEOUT_S) as run:
        course.push(canary(apps["app:v2"], "{name: FAIL_EVERY, value: '20'}"))
        stands = course.reaches("Degraded")
        aborted = time.time()
        (judged,) = stands.runs
        assert judged.phase == "Failed" and judged.metrics[0].failed == LIMIT + 1, judged
        looks = LIMIT + 1 + judged.metrics[0].inconclusive
        assert aborted - judged.started_at < INTERVAL_S * looks + MARGIN_S
        assert judged.name in stands.message and stands.decisions == ()
        course.serves("v1")
        now = time.time()
        time.sleep(1.0)
    assert set(run.result.reasons) == {"status 500"}, str(run.result)
    assert max(sent for sent, _, _ in run.result.failures) < now, "nobody meets the canary any more"


def test_a_good_canary_is_promoted_by_the_same_analysis(course: Course, apps: dict[str, str]) -> None:
    """Also when the reconciler dies meanwhile: what was measured counts."""
    with load(course.url(), rate=200.0, timeout=TIMEOUT_S) as run:
        course.push(canary(apps["app:v2"]))
        until(lambda: successes(course) > 0, "something was measured", course.tell)
        before = course.status().runs
        course.again()
        stands = course.reaches("Healthy")
    assert stands.decisions == () and run.result.failed == 0
    (judged,) = stands.runs
    (errors,) = judged.metrics
    assert (judged.phase, errors.failed, errors.successful + errors.inconclusive) == ("Successful", 0, COUNT)
    assert [(r.name, r.started_at) for r in stands.runs] == [(r.name, r.started_at) for r in before]
    course.serves("v2")


def successes(course: Course) -> int:
    return sum(metric.successful for run in course.status().runs for metric in run.metrics)


def test_without_any_request_it_waits_for_somebody_and_says_why(course: Course, apps: dict[str, str]) -> None:
    old, new = course.versions()
    course.push(canary(apps[f"app:{new}"]))
    stands = course.reaches("Paused")
    assert "couldn't tell" in stands.message and "request" in stands.message
    (judged,) = stands.runs
    assert judged.phase == "Inconclusive"
    course.order("abort")
    course.serves(old)


def job(name: str, image: str, script: str) -> dict[str, object]:
    containers = [{"name": "check", "image": image, "command": ["sh", "-c", script]}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    return {"name": name, "provider": {"job": {"spec": {"backoffLimit": 0, "template": template}}}}


def web(name: str, condition: str) -> dict[str, object]:
    """A Service of the fleet, by its name in it."""
    url = "http://app-stable.default.svc.cluster.local/"
    return {"name": name, "successCondition": condition, "provider": {"web": {"url": url}}}


def prometheus(name: str, address: str, query: str) -> dict[str, object]:
    asked = {"address": address, "query": query}
    return {"name": name, "successCondition": "result[0] >= 0.95", "provider": {"prometheus": asked}}


def answer(asked: Asked) -> tuple[int, dict[str, str], object]:
    """As Prometheus does: `good` is 0.99, everything else 0.5."""
    place = urlsplit(asked.path)
    if place.path != "/api/v1/query":
        return 404, {}, {}
    query = parse_qs(place.query or asked.body.decode())["query"]
    series = {"metric": {}, "value": [time.time(), "0.99" if query == ["good"] else "0.5"]}
    return 200, {}, {"status": "success", "data": {"resultType": "vector", "result": [series]}}


def test_a_pods_end_a_service_of_the_fleet_and_prometheus_are_good_or_bad(
    course: Course, apps: dict[str, str]
) -> None:
    image = course.place.image("v1")
    old, _ = course.versions()
    with ExitStack() as stack:
        there = stack.enter_context(serving(answer)).url
        metrics = {
            "job-good": job("ends", image, "exit 0"),
            "job-bad": job("ends", image, "exit 3"),
            "web-good": web("says", f'result startsWith "{old}"'),
            "web-bad": web("says", 'result startsWith "v9"'),
            "prometheus-good": prometheus("share", there, "good"),
            "prometheus-bad": prometheus("share", there, "bad"),
        }
        runs = [measured(name, [metric], "AnalysisRun") for name, metric in metrics.items()]
        course.push(canary(apps[f"app:{old}"]) + "".join(runs))
        wanted = {name: "Successful" if name.endswith("good") else "Failed" for name in metrics}

        def told() -> str:
            return f"{phases(course)}{course.tell()}"

        # What couldn't be asked on a busy machine is tried again 10 s later.
        until(lambda: phases(course) == wanted, "all are judged", told, 90)


def phases(course: Course) -> dict[str, str]:
    told = yaml.load(course.place.run("status", "-o", "yaml").stdout, Loader=yaml.CSafeLoader)["items"]
    runs = [one for one in told if one["kind"] == "AnalysisRun" and "-" in one["metadata"]["name"]]
    found = {one["metadata"]["name"]: one["status"]["phase"] for one in runs}
    return {name: phase for name, phase in found.items() if name.endswith(("-good", "-bad"))}
