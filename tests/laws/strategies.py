"""What Hypothesis draws from: fleets, revisions, and everything that can happen to them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.model.desired import Desired
from reconciler.model.fleet import Fleet
from reconciler.model.kinds import Workload
from reconciler.model.service import Service
from tests.decide.builders import (
    bare_pod,
    controller,
    deployment,
    desired,
    fleet,
    ingress,
    replica_set,
    service,
)

GOOD = ("app:v1", "app:v2", "app:v3")
BAD = ("app:missing", "app:hangs", "app:crashes")
"""Images that can't be pulled, never become ready, end at once."""

shares = st.one_of(st.integers(0, 3), st.sampled_from(["0%", "25%", "50%", "100%"]))


@st.composite
def fleets(draw: st.DrawFn, network: bool = False) -> Fleet:
    """One to four nodes; the first one takes every pod, so that nothing is ever blocked for good."""
    count = draw(st.integers(1, 4))
    nodes: list[dict[str, Any]] = [{"name": "pi-1"}]
    for number in range(2, count + 1):
        node: dict[str, Any] = {"name": f"pi-{number}", "unschedulable": draw(st.integers(0, 3)) == 0}
        if draw(st.integers(0, 3)) == 0:
            node["taints"] = [
                {"key": "slow", "effect": draw(st.sampled_from(["NoSchedule", "PreferNoSchedule"]))}
            ]
        nodes.append(node)
    return fleet(*nodes, network={"enabled": network})


@st.composite
def strategies(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 4)) == 0:
        return {"type": "Recreate"}
    return {"rollingUpdate": {"maxSurge": draw(shares), "maxUnavailable": draw(shares)}}


@st.composite
def deployments(draw: st.DrawFn, name: str, images: tuple[str, ...]) -> Workload:
    return deployment(
        name,
        draw(st.sampled_from(images)),
        draw(st.integers(0, 5)),
        strategy=draw(strategies()),
        minReadySeconds=draw(st.sampled_from([0, 0, 5])),
        paused=draw(st.integers(0, 9)) == 0 and images != GOOD,
        revisionHistoryLimit=draw(st.integers(0, 2)),
    )


@st.composite
def revisions(draw: st.DrawFn, of: Fleet, images: tuple[str, ...] = GOOD + BAD) -> Desired:
    workloads: list[Workload] = [draw(deployments("web", images))]
    if draw(st.booleans()):
        workloads.append(draw(deployments("api", images)))
    if draw(st.booleans()):
        workloads.append(replica_set("rs", draw(st.sampled_from(GOOD)), draw(st.integers(0, 3))))
    if draw(st.booleans()):
        workloads.append(controller("rc", draw(st.sampled_from(GOOD)), draw(st.integers(0, 3))))
    if draw(st.booleans()):
        workloads.append(_bare(draw, images))
    revision = f"{draw(st.integers(0, 2**40)):040x}"
    if not of.spec.network.enabled:
        return desired(*workloads, of=of, revision=revision)
    services = tuple(draw(services_of(name)) for name in ("web", "api", "rs", "one") if draw(st.booleans()))
    doors = (ingress(defaultBackend={"service": {"name": "web", "port": {"number": 80}}}),)
    return desired(
        *workloads,
        of=of,
        revision=revision,
        services=services,
        ingresses=doors if draw(st.booleans()) else (),
    )


@st.composite
def services_of(draw: st.DrawFn, name: str) -> Service:
    kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer", "headless"]))
    if kind == "headless":
        return service(name, clusterIP="None")
    return service(name, type=kind, publishNotReadyAddresses=draw(st.integers(0, 7)) == 0)


def _bare(draw: st.DrawFn, images: tuple[str, ...]) -> Workload:
    early = [
        {"name": "init", "image": "app:v1"},
        {"name": "side", "image": "app:v1", "restartPolicy": "Always"},
    ]
    return bare_pod("one", draw(st.sampled_from(images)), initContainers=early[: draw(st.integers(0, 2))])


DATA_PLANE_EVENTS = ("stopped", "outdated", "stale", "no data plane")
EVENTS = (
    *("turn", "turn", "turn", "die", "commit", "wait", "stall"),
    *("lose", "heal", "kill", "remove", "reboot", "fail"),
)
events = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 1000)), max_size=25)
"""What happens, and a number that tells to whom and how much."""
network_events = st.lists(
    st.tuples(st.sampled_from(EVENTS + DATA_PLANE_EVENTS), st.integers(0, 1000)), max_size=25
)
