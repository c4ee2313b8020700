"""A Deployment that is delivered as a Rollout's strategy says, by an annotation."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifests.desired import desired
from reconciler.manifests.load import Loaded
from reconciler.manifests.strategy import ANNOTATION
from reconciler.manifests.strategy import annotated as read
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.revision import Revision
from reconciler.model.rollout import CanaryStep, Pause
from tests.decide.builders import fleet
from tests.manifests.build import assert_only, deployment, lines, load, service, template

AT = "metadata.annotations[reconciler.io/strategy]"
WEB = Key("Deployment", "default", "web")


def annotated(strategy: str) -> str:
    text = f"annotations:\n  reconciler.io/strategy: |\n{indent(strategy, '    ')}"
    return deployment(meta=text)


def wanted(loaded: Loaded) -> Desired:
    return desired(fleet("a"), Revision(id="1"), loaded.objects)


def test_the_strategy_is_desired(tmp_path: Path) -> None:
    loaded = load(tmp_path, annotated("canary:\n  steps:\n  - setWeight: 20\n  - pause: {duration: 10s}\n"))
    assert lines(loaded) == []
    (strategy,) = wanted(loaded).strategies.values()
    assert strategy.canary is not None
    assert strategy.canary.steps == (CanaryStep(set_weight=20), CanaryStep(pause=Pause(duration="10s")))
    assert list(wanted(loaded).strategies) == [WEB]


def test_the_same_text_is_the_identical_strategy(tmp_path: Path) -> None:
    """What knows it from the last pass knows it again by identity."""
    first, second = (wanted(load(tmp_path, annotated("canary: {}"))).strategies[WEB] for _ in "12")
    assert first is second


def test_without_the_annotation_there_is_none(tmp_path: Path) -> None:
    assert wanted(load(tmp_path, deployment())).strategies == {}


WRONG = [
    ("canary: [", f"{AT}: line 2 of it: not YAML"),
    ("canary", f'{AT}: expected a strategy, found "canary"'),
    ("", f"{AT}: expected a strategy, found 0 documents"),
    ("canary: {}\n---\ncanary: {}", f"{AT}: expected a strategy, found 2 documents"),
    ("canary: {}\ncanary: {}", f'{AT}: line 2 of it: the key "canary" stands here twice'),
    ("rollingUpdate: {}", f'{AT}.rollingUpdate: unknown field "rollingUpdate"'),
    (
        "canary: {steps: [{setWeight: ten}]}",
        f'{AT}.canary.steps[0].setWeight: expected an integer, found "ten"',
    ),
    ("canary: {trafficRouting: {istio: {}}}", f"{AT}.canary.trafficRouting.istio: not supported: Istio"),
    ("{}", f"{AT}: names no strategy"),
    (
        "canary: {steps: [{setWeight: 101}]}",
        f"{AT}.canary.steps[0].setWeight: expected at most 100, found 101",
    ),
    ("canary: {trafficRouting: {}, stableService: a}", f"{AT}.canary.trafficRouting: needs canaryService"),
    ("blueGreen: {activeService: a}", f"{AT}.blueGreen.activeService: there is no Service default/a"),
    (
        "canary: {steps: [{analysis: {templates: [{templateName: a}]}}]}",
        f"{AT}.canary.steps[0].analysis.templates[0].templateName: there is no AnalysisTemplate default/a",
    ),
]


@pytest.mark.parametrize(("strategy", "expected"), WRONG)
def test_a_wrong_strategy(tmp_path: Path, strategy: str, expected: str) -> None:
    found = load(tmp_path, annotated(strategy))
    relevant = [line for line in lines(found) if "stableService: there" not in line]
    assert_only(relevant, expected)
    assert found.findings[0].line == 6
    assert found.findings[0].object == "Deployment default/web"


def test_what_it_names_is_followed(tmp_path: Path) -> None:
    strategy = (
        "blueGreen:\n  activeService: web\n  prePromotionAnalysis: {templates: [{templateName: good}]}\n"
    )
    assert lines(load(tmp_path, annotated(strategy), service(), template())) == []


def test_the_annotation_of_another_kind_has_no_effect(tmp_path: Path) -> None:
    text = service(meta="annotations: {reconciler.io/strategy: 'canary: {}'}")
    assert_only(lines(load(tmp_path, deployment(), text)), f"{AT}: warning: has no effect")


@given(st.text() | st.from_regex(r"(canary|blueGreen): *[\[\]{}a-z:&* \n-]{0,30}"))
def test_any_text_is_a_strategy_or_says_why_not(text: str) -> None:
    strategy, said = read(text)
    assert (strategy is None) == bool(said)
    assert all(one.path[:3] == ANNOTATION for one in said)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [("stategy", "did you mean reconciler.io/strategy?"), ("other", "known here: reconciler.io/init")],
)
def test_a_slip_of_the_pen_in_its_name_is_told(tmp_path: Path, key: str, remedy: str) -> None:
    """Otherwise the Deployment would roll at once, and nobody had been told."""
    found = load(tmp_path, deployment(meta=f"annotations: {{reconciler.io/{key}: 'canary: {{}}'}}")).findings
    (said,) = found
    assert (said.severity, said.path) == ("warning", f"metadata.annotations[reconciler.io/{key}]")
    assert said.message == "has no effect: there is no such annotation"
    assert said.remedy.startswith(remedy)


def test_on_the_pods_it_has_no_effect(tmp_path: Path) -> None:
    text = deployment().replace(
        "metadata: {labels: {app: web}}",
        "metadata: {labels: {app: web}, annotations: {reconciler.io/strategy: 'canary: {}'}}",
    )
    (said,) = load(tmp_path, text).findings
    assert said.message == "has no effect: it is read of the Deployment itself, not of its pods"
