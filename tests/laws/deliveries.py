"""What Hypothesis draws from for deliveries: every strategy, what stands around it, and all that can happen.

`habits` makes commits of it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.decide.builders import analysis_template, ingress
from tests.decide.delivery.course import web
from tests.laws.strategies import shares

ANALYSIS = {"templates": [{"templateName": "smoke"}]}
SMOKE = analysis_template(
    "smoke",
    {
        "name": "good",
        "interval": "40s",
        "count": 3,
        "failureLimit": 1,
        "successCondition": "result == 1",
        "failureCondition": "result == 0",
        "provider": {"web": {"url": "http://x"}},
    },
)
SERVICES = tuple(web(name) for name in ("web", "web-canary", "web-stable", "web-preview"))
DOOR = ingress(defaultBackend={"service": {"name": "web-stable", "port": {"number": 80}}})
MATCH = [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]

weights = st.sampled_from([0, 1, 25, 33, 50, 75, 100])
pauses = st.sampled_from([{}, {}, {"duration": 30}, {"duration": "2m"}, {"duration": 0}])
delays = st.sampled_from([0, 10, 30, 100])
thresholds = st.one_of(
    st.fixed_dictionaries({"type": st.just("Percent"), "value": st.sampled_from([0, 50, 100])}),
    st.fixed_dictionaries({"type": st.just("Pods"), "value": st.integers(0, 3)}),
)
weighing = st.builds(lambda w: {"setWeight": w}, weights)
COMMON = [
    weighing,
    weighing,
    st.builds(lambda p: {"pause": p}, pauses),
    st.just({"analysis": ANALYSIS}),
    st.builds(lambda t: {"replicaProgressThreshold": t}, thresholds),
]
scales = st.one_of(
    st.builds(lambda n: {"setCanaryScale": {"replicas": n}}, st.integers(0, 5)),
    st.builds(lambda w: {"setCanaryScale": {"weight": w}}, weights),
    st.just({"setCanaryScale": {"matchTrafficWeight": True}}),
)
headers = st.sampled_from(
    [{"setHeaderRoute": {"name": "beta", "match": MATCH}}, {"setHeaderRoute": {"name": "beta"}}]
)


@st.composite
def canaries(draw: st.DrawFn) -> dict[str, Any]:
    """Without traffic routing: both versions share the replicas."""
    found: dict[str, Any] = {
        "steps": draw(st.lists(st.one_of(COMMON), min_size=1, max_size=5)),
        "maxSurge": draw(shares),
        "maxUnavailable": draw(shares),
    }
    if draw(st.integers(0, 2)) == 0:
        found["analysis"] = ANALYSIS | {"startingStep": draw(st.integers(0, 3))}
    if draw(st.integers(0, 4)) == 0:
        found["replicaProgressThreshold"] = draw(thresholds)
    return found


@st.composite
def routed_canaries(draw: st.DrawFn) -> dict[str, Any]:
    """Both versions are scaled by themselves."""
    dynamic = draw(st.booleans())
    steps = st.one_of([*COMMON, headers] if dynamic else [*COMMON, headers, scales])
    found = draw(canaries()) | {
        "steps": draw(st.lists(steps, min_size=1, max_size=6)),
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": {
            "managedRoutes": [{"name": "beta"}],
            "maxTrafficWeight": draw(st.sampled_from([100, 100, 1000])),
        },
        "dynamicStableScale": dynamic,
        "scaleDownDelaySeconds": draw(delays),
        "minPodsPerReplicaSet": draw(st.integers(1, 2)),
    }
    if draw(st.booleans()):
        found["abortScaleDownDelaySeconds"] = draw(delays)
    return found


@st.composite
def blue_greens(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {
        "activeService": "web",
        "autoPromotionEnabled": draw(st.booleans()),
        "autoPromotionSeconds": draw(st.sampled_from([0, 0, 60])),
        "scaleDownDelaySeconds": draw(delays),
        "abortScaleDownDelaySeconds": draw(delays),
        "maxUnavailable": draw(shares),
    }
    if draw(st.booleans()):
        found["previewService"] = "web-preview"
    for field in ("previewReplicaCount", "scaleDownDelayRevisionLimit"):
        if draw(st.integers(0, 2)) == 0:
            found[field] = draw(st.integers(0, 3))
    for field in ("prePromotionAnalysis", "postPromotionAnalysis"):
        if draw(st.booleans()):
            found[field] = ANALYSIS
    return found


KINDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "shared": st.builds(lambda s: {"canary": s}, canaries()),
    "routed": st.builds(lambda s: {"canary": s}, routed_canaries()),
    "blue-green": st.builds(lambda s: {"blueGreen": s}, blue_greens()),
}


VERBS = ("pause", "resume", "promote", "promote-full", "abort", "retry", "undo")
MOODS = ("good", "good", "bad", "unclear", "error", "late", "never")
EVENTS = (
    *(
        "turn",
        "turn",
        "go",
        "go",
        "go",
        "order",
        "order",
        "order",
        "commit",
        "commit",
        "commit",
        "wait",
        "mood",
        "die",
    ),
    *("lose", "heal", "kill", "remove", "reboot", "fail", "jump"),
)
events = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 1000)), min_size=4, max_size=25)
QUIET = ("go", "go", "order", "order", "commit", "wait", "turn")
quiet = st.lists(st.tuples(st.sampled_from(QUIET), st.integers(0, 1000)), min_size=1, max_size=10)
"""Nothing goes wrong."""
