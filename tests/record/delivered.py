"""A canary, a blue-green and an annotated Deployment, as passes find them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from reconciler.model.analysis import AnalysisRunSpec
from reconciler.model.container import Container
from reconciler.model.delivery import (
    Decision,
    Delivery,
    Hold,
    Measurement,
    MetricState,
    RunState,
)
from reconciler.model.desired import Desired
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, NodeState, Observed, PodRecord, PodState
from reconciler.model.plan import Plan, Standing, Verdict
from reconciler.model.pod import PodSpec
from reconciler.model.progress import PastVersion, Progress, RolloutState
from reconciler.model.revision import Revision
from reconciler.model.rollout import Rollout, RolloutStrategy
from reconciler.model.workload import Deployment
from reconciler.record.deliveries import DeliveryStatus, delivery_status

WEB, SHOP = Key("Rollout", "default", "web"), Key("Rollout", "default", "shop")
API = Key("Deployment", "default", "api")
RUN = Key("AnalysisRun", "default", "web-new-3-1")
OLD, NEW = "5d8e000000", "7f9c000000"
NOW = 10_000.0
COMMIT = "c" * 40

CANARY: dict[str, Any] = {
    "canary": {
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": {},
        "steps": [
            {"setWeight": 20},
            {"pause": {"duration": "1m"}},
            {"analysis": {"templates": [{"templateName": "error-rate"}]}},
            {"setCanaryScale": {"replicas": 2}},
            {"pause": {}},
        ],
    }
}
BLUE_GREEN: dict[str, Any] = {
    "blueGreen": {"activeService": "shop", "previewService": "shop-next", "autoPromotionSeconds": 60}
}
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "main", "image": "web:2"}]},
}
FLEET = msgspec.convert(
    {
        "apiVersion": "reconciler.io/v1",
        "kind": "Fleet",
        "metadata": {"name": "home"},
        "spec": {"nodes": [{"name": n, "address": f"ssh://root@{n}.lan"} for n in ("pi-1", "pi-2")]},
    },
    Fleet,
)


def rollout(key: Key, strategy: dict[str, Any], **spec: Any) -> Rollout:
    whole = {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE, "replicas": 2}
    found = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": {"team": "one"}},
        "spec": {**whole, "strategy": strategy, **spec},
    }
    return msgspec.convert(found, Rollout)


def deployment(key: Key = API) -> Deployment:
    found = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE, "replicas": 2},
    }
    return msgspec.convert(found, Deployment)


def desired(**more: Any) -> Desired:
    """web is a canary, shop a blue-green, api a Deployment that asks for the canary."""
    workloads = {API: deployment(), SHOP: rollout(SHOP, BLUE_GREEN), WEB: rollout(WEB, CANARY)}
    plain: dict[str, Any] = {
        "fleet": FLEET,
        "revision": Revision(id=COMMIT, subject="Bump web"),
        "workloads": workloads,
        "hashes": dict.fromkeys(workloads, NEW),
        "strategies": {API: msgspec.convert(CANARY, RolloutStrategy)},
    }
    return Desired(**(plain | more))


def state(delivery: Delivery | None, **more: Any) -> RolloutState:
    plain: dict[str, Any] = {
        "template_hash": NEW,
        "phase": "progressing",
        "number": 3,
        "started_at": NOW - 100,
        "progressed_at": NOW - 50,
        "stable_hash": OLD,
        "stable_revision": "b" * 40,
        "history": (
            PastVersion(number=2, template_hash=OLD, revision="b" * 40, at=NOW - 9000),
            PastVersion(number=3, template_hash=NEW, revision=COMMIT, at=NOW - 100),
        ),
    }
    return RolloutState(delivery=delivery, **(plain | more))


def paused() -> Delivery:
    """In the second step of web, since 22 seconds."""
    hold = Hold(reason="step", since=NOW - 22, message="at step 2")
    decision = Decision(at=NOW - 75, who="ada@desk", verb="retry", number=3)
    return Delivery(
        stage="stepping", step=1, step_since=NOW - 22, weight=20, holds=(hold,), decisions=(decision,)
    )


def run(**more: Any) -> RunState:
    measured = Measurement(phase="Failed", started_at=NOW - 10, finished_at=NOW - 9, value="0.07")
    metric = MetricState(phase="Running", count=4, successful=3, failed=1, measurements=(measured,))
    plain: dict[str, Any] = {
        "owner": WEB,
        "role": "step",
        "step": 2,
        "spec": AnalysisRunSpec(),
        "started_at": NOW - 30,
        "template_hash": NEW,
        "metrics": {"error-rate": metric},
    }
    return RunState(**(plain | more))


def pod(owner: Key, number: int, template_hash: str, node: str = "pi-1", **more: Any) -> PodState:
    hash_label = "rollouts-pod-template-hash" if owner.kind == "Rollout" else "pod-template-hash"
    record = PodRecord(
        namespace="default",
        name=f"{owner.name}-{template_hash}-{number}",
        owner=owner,
        template_hash=template_hash,
        revision=COMMIT,
        node=node,
        spec=PodSpec(containers=(Container(name="main", image="web:1"),)),
        labels={"app": "web", hash_label: template_hash},
    )
    main = ContainerState(name="main", role="main", state="running", ready=True, started=True)
    plain: dict[str, Any] = {
        "containers": (main,),
        "phase": "Running",
        "created_at": NOW - 80,
        "ready": True,
        "ready_since": NOW - 70,
    }
    return PodState(record=record, **(plain | more))


def observed(pods: Iterable[PodState] = ()) -> Observed:
    every = list(pods)
    names = ("pi-1", "pi-2")
    return Observed(
        [NodeState(name=n, reachable=True, pods=tuple(p for p in every if p.node == n)) for n in names]
    )


def both_sets(owner: Key = WEB) -> Observed:
    """Two stable pods and one new one."""
    return observed([pod(owner, 0, OLD), pod(owner, 1, OLD, "pi-2"), pod(owner, 0, NEW, "pi-2")])


def verdict(standing: Standing = "progressing", message: str = "", **more: int) -> Verdict:
    plain = {"desired": 2, "updated": 1, "ready": 3, "available": 3, "total": 3}
    return Verdict(standing=standing, message=message, **(plain | more))


def seen(
    of: RolloutState,
    key: Key = WEB,
    *,
    judged: Verdict | None = None,
    pods: Observed | None = None,
    **more: Any,
) -> DeliveryStatus:
    """How one of `desired` is shown, two stable pods and one new one, unless told otherwise. `more` is what
    else is remembered.
    """
    progress = Progress(rollouts={key: of}, **more)
    told = plan(progress, {key: judged or verdict()})
    found = delivery_status(desired(), both_sets(key) if pods is None else pods, progress, told, NOW, key)
    assert found is not None
    return found


def plan(progress: Progress, verdicts: dict[Key, Verdict] | None = None) -> Plan:
    found = {WEB: verdict()} if verdicts is None else verdicts
    return Plan(revision=COMMIT, progress=progress, verdicts=found, standing="progressing")
