"""Rollouts, their ReplicaSets and AnalysisRuns in Argo Rollouts' shape."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.model.analysis import AnalysisRun
from reconciler.model.delivery import Delivery, Hold, MetricState
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Verdict
from reconciler.model.progress import Progress, RolloutState
from reconciler.record.metadata import Shown
from reconciler.record.status import Portrait, objects
from tests.record.delivered import (
    API,
    NEW,
    NOW,
    OLD,
    RUN,
    SHOP,
    WEB,
    both_sets,
    desired,
    paused,
    plan,
    run,
    state,
    verdict,
)


def shown(
    of: RolloutState, key: Key = WEB, judged: Verdict | None = None, pods: Observed | None = None, **more: Any
) -> dict[str, Shown]:
    """Every object by `Kind/name`."""
    progress = Progress(rollouts={key: of}, **more)
    told = plan(progress, {key: judged or verdict()})
    found = objects(desired(), pods or both_sets(key), progress, told, NOW)
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in found}


def conditions(of: Shown) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in of["status"]["conditions"]}


def test_a_canary_that_pauses() -> None:
    web = shown(state(paused()))["Rollout/web"]
    status = web["status"]
    assert web["apiVersion"] == "argoproj.io/v1alpha1"
    assert web["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "3"
    assert web["metadata"]["labels"] == {"team": "one"}
    assert web["spec"]["strategy"]["canary"]["steps"][0] == {"setWeight": 20}
    wanted = {
        "phase": "Paused",
        "message": "paused at step 2",
        "observedGeneration": "3",
        "currentStepIndex": 1,
        "currentPodHash": NEW,
        "stableRS": OLD,
        "controllerPause": True,
        "selector": "app=web",
    }
    assert {k: status[k] for k in wanted} == wanted
    counts = [status[f"{n}eplicas"] for n in ("r", "updatedR", "readyR", "availableR", "HPAR")]
    assert counts == [3, 1, 3, 3, 3]
    assert status["pauseConditions"] == [{"reason": "CanaryPauseStep", "startTime": "1970-01-01T02:46:18Z"}]
    assert status["canary"]["weights"] == {
        "canary": {"weight": 20, "serviceName": "web-canary", "podTemplateHash": NEW},
        "stable": {"weight": 80, "serviceName": "web-stable", "podTemplateHash": OLD},
    }
    assert "abort" not in status
    assert conditions(web) == {
        "Available": ("True", "AvailableReason"),
        "Progressing": ("Unknown", "RolloutPaused"),
        "Paused": ("True", "RolloutPaused"),
        "Healthy": ("False", "RolloutHealthy"),
        "Completed": ("False", "RolloutNotCompleted"),
    }


DONE = state(Delivery(stage="done", step=5, weight=0, ended_at=NOW), phase="complete", stable_hash=NEW)


@pytest.mark.parametrize(
    ("of", "judged", "phase", "index", "progressing", "completed"),
    [
        (state(Delivery(stage="stepping", step=2)), None, "Progressing", 2, "ReplicaSetUpdated", False),
        (DONE, verdict("converged"), "Healthy", 5, "NewReplicaSetAvailable", True),
        (state(Delivery(stage="finishing", step=5)), None, "Progressing", 5, "ReplicaSetUpdated", False),
        (
            state(Delivery(stage="aborted", step=2, ended_at=NOW), message="bad"),
            verdict("failed"),
            "Degraded",
            0,
            "RolloutAborted",
            False,
        ),
        (
            state(Delivery(stage="stepping"), phase="failed", message="slow"),
            verdict("failed"),
            "Degraded",
            0,
            "ProgressDeadlineExceeded",
            False,
        ),
    ],
)
def test_how_a_canary_stands(
    of: RolloutState, judged: Verdict | None, phase: str, index: int, progressing: str, completed: bool
) -> None:
    web = shown(of, judged=judged)["Rollout/web"]
    assert (web["status"]["phase"], web["status"]["currentStepIndex"]) == (phase, index)
    found = conditions(web)
    assert found["Progressing"][1] == progressing
    assert found["Completed"][0] == str(completed)
    assert found["Healthy"][0] == str(phase == "Healthy")
    assert found["Paused"] == ("False", "RolloutResumed")


def test_an_abort_says_when_and_why() -> None:
    of = state(Delivery(stage="aborted", weight=0, ended_at=NOW), message="error-rate is Failed")
    status = shown(of, judged=verdict("failed"))["Rollout/web"]["status"]
    assert (status["abort"], status["abortedAt"]) == (True, "1970-01-01T02:46:40Z")
    (progressing,) = [c for c in status["conditions"] if c["type"] == "Progressing"]
    assert progressing["message"] == "Rollout aborted update to revision 3: error-rate is Failed"
    assert status["canary"]["weights"]["stable"]["weight"] == 100


def test_after_its_end_everything_goes_to_the_stable_set() -> None:
    weights = shown(DONE)["Rollout/web"]["status"]["canary"]["weights"]
    assert (weights["canary"]["weight"], weights["stable"]["weight"]) == (0, 100)
    assert weights["stable"]["podTemplateHash"] == NEW


def test_what_somebody_paused_has_no_pause_condition_of_a_step() -> None:
    hold = Hold(reason="order", since=NOW)
    status = shown(state(Delivery(stage="stepping", holds=(hold,))))["Rollout/web"]["status"]
    assert status["phase"] == "Paused"
    assert "pauseConditions" not in status
    doubt = Hold(reason="inconclusive", since=NOW)
    status = shown(state(Delivery(stage="stepping", holds=(doubt,), full=True)))["Rollout/web"]["status"]
    assert [c["reason"] for c in status["pauseConditions"]] == ["InconclusiveAnalysisRun"]
    assert status["promoteFull"]


def test_too_few_pods_are_available() -> None:
    web = shown(state(paused()), judged=verdict(available=1))["Rollout/web"]
    assert conditions(web)["Available"][0] == "False"


def test_a_blue_green_and_its_analyses() -> None:
    delivery = Delivery(stage="preview", active_hash=OLD, holds=(Hold(reason="step", since=NOW),))
    judge = Key("AnalysisRun", "default", "shop-new-3-pre")
    judging = run(owner=SHOP, role="pre-promotion", step=None, phase="Failed", message="bad")
    shop = shown(state(delivery), SHOP, runs={judge: judging})["Rollout/shop"]
    assert shop["status"]["blueGreen"] == {
        "activeSelector": OLD,
        "previewSelector": NEW,
        "prePromotionAnalysisRunStatus": {"name": "shop-new-3-pre", "status": "Failed", "message": "bad"},
    }
    assert shop["status"]["pauseConditions"][0]["reason"] == "BlueGreenPause"
    assert "currentStepIndex" not in shop["status"]


def test_its_replica_sets_and_whose_pods_are() -> None:
    found = shown(state(paused()))
    new, old = found[f"ReplicaSet/web-{NEW}"], found[f"ReplicaSet/web-{OLD}"]
    assert new["metadata"]["labels"] == {"app": "web", "rollouts-pod-template-hash": NEW}
    assert new["spec"]["selector"]["matchLabels"]["rollouts-pod-template-hash"] == NEW
    assert new["metadata"]["annotations"] == {"rollout.argoproj.io/revision": "3"}
    assert (new["spec"]["replicas"], old["spec"]["replicas"]) == (1, 2)
    (owner,) = new["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"]) == ("argoproj.io/v1alpha1", "Rollout")
    assert owner["uid"] == found["Rollout/web"]["metadata"]["uid"]
    (holder,) = found[f"Pod/web-{NEW}-0"]["metadata"]["ownerReferences"]
    assert (holder["kind"], holder["uid"]) == ("ReplicaSet", new["metadata"]["uid"])


def test_an_annotated_deployment_stays_a_deployment() -> None:
    found = shown(state(paused()), API)
    assert conditions(found["Deployment/api"]).keys() == {"Available", "Progressing"}
    assert found[f"ReplicaSet/api-{NEW}"]["metadata"]["labels"]["pod-template-hash"] == NEW


def test_an_analysis_run() -> None:
    dry = MetricState(phase="Successful", count=1, successful=1, dry_run=True)
    judging = run(metrics={**run().metrics, "try": dry})
    found = shown(state(paused()), runs={RUN: judging})
    told = found[f"AnalysisRun/{RUN.name}"]
    status = told["status"]
    assert (status["phase"], status["startedAt"]) == ("Running", "1970-01-01T02:46:10Z")
    assert status["runSummary"] == {"count": 1}
    assert status["dryRunSummary"] == {"count": 1, "successful": 1}
    first, second = status["metricResults"]
    assert (first["name"], first["count"], first["successful"], first["failed"]) == ("error-rate", 4, 3, 1)
    assert first["measurements"] == [
        {
            "phase": "Failed",
            "value": "0.07",
            "startedAt": "1970-01-01T02:46:30Z",
            "finishedAt": "1970-01-01T02:46:31Z",
        }
    ]
    assert (second["dryRun"], "dryRun" in first) == (True, False)
    (owner,) = told["metadata"]["ownerReferences"]
    assert owner["uid"] == found["Rollout/web"]["metadata"]["uid"]
    canary = found["Rollout/web"]["status"]["canary"]
    assert canary["currentStepAnalysisRunStatus"] == {"name": RUN.name, "status": "Running"}


def test_a_run_from_a_file_belongs_to_nobody_and_keeps_its_labels() -> None:
    own = Key("AnalysisRun", "default", "once")
    found = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {"name": "once", "namespace": "default", "labels": {"a": "b"}},
        "spec": {},
    }
    wanted = desired(runs={own: msgspec.convert(found, AnalysisRun)})
    progress = Progress(runs={own: run(owner=own, role="own")})
    (told,) = [
        o for o in objects(wanted, both_sets(), progress, plan(progress), NOW) if o["kind"] == "AnalysisRun"
    ]
    assert told["metadata"]["labels"] == {"a": "b"}
    assert "ownerReferences" not in told["metadata"]


def test_what_has_not_changed_is_not_drawn_again() -> None:
    portrait, of = Portrait(), state(paused())
    pods, wanted, judging = both_sets(), desired(), run()

    def draw(at: float, runs: dict[Key, Any]) -> dict[str, Shown]:
        progress = Progress(rollouts={WEB: of}, runs=runs)
        found = portrait.of(wanted, pods, progress, plan(progress), at)
        return {f"{o['kind']}/{o['metadata']['name']}": o for o in found}

    first, again = draw(NOW, {RUN: judging}), draw(NOW + 50, {RUN: judging})
    for name in ("Rollout/web", f"AnalysisRun/{RUN.name}"):
        assert first[name] is again[name]
    later = draw(NOW + 51, {RUN: msgspec.structs.replace(judging, phase="Successful")})
    told = later["Rollout/web"]["status"]["canary"]["currentStepAnalysisRunStatus"]
    assert told["status"] == "Successful"
    assert later[f"AnalysisRun/{RUN.name}"]["status"]["phase"] == "Successful"
