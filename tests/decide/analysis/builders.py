"""Short ways to write templates, runs and passes in tests of analyses."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.decide.analysis import Asked
from reconciler.decide.analysis.run import first_states
from reconciler.decide.current import Pass
from reconciler.decide.survey import survey
from reconciler.model.analysis import (
    AnalysisRun,
    AnalysisRunSpec,
    AnalysisTemplate,
    ClusterAnalysisTemplate,
    Metric,
)
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from reconciler.model.kinds import AnyTemplate
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Measured
from reconciler.model.progress import Progress
from reconciler.model.rollout import RolloutAnalysis
from tests.decide.builders import ARGO, WEB, deployment, desired, made

RUN = Key("AnalysisRun", "default", "web-run")
NOW = 1_000_000.0
WEB_PROVIDER = {"web": {"url": "http://metrics/ok", "jsonPath": "{$.ok}"}}


def metric(name: str = "rate", **fields: Any) -> Metric:
    return msgspec.convert({"name": name, "provider": WEB_PROVIDER, **fields}, Metric)


def job_metric(name: str = "smoke", backoff: int | str = 1, image: str = "job:v1", **spec: Any) -> Metric:
    template = {
        "metadata": {"labels": {"app": "smoke"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]},
    }
    job = {"spec": {"template": template, "backoffLimit": backoff, **spec}}
    return msgspec.convert({"name": name, "provider": {"job": job}}, Metric)


def template(
    name: str = "checks", *metrics: dict[str, Any], cluster: bool = False, **spec: Any
) -> AnalysisTemplate | ClusterAnalysisTemplate:
    whole = {"metrics": [{"provider": WEB_PROVIDER, **m} for m in metrics], **spec}
    return made(ClusterAnalysisTemplate if cluster else AnalysisTemplate, ARGO, name, whole)


def with_templates(*templates: AnyTemplate) -> Desired:
    whole = desired(deployment())
    return msgspec.structs.replace(whole, templates={t.key: t for t in templates})


def run_file(*metrics: Metric, name: str = "own", **spec: Any) -> AnalysisRun:
    run = made(AnalysisRun, ARGO, name, spec)
    return msgspec.structs.replace(run, spec=msgspec.structs.replace(run.spec, metrics=metrics))


def asked(*templates: str, args: list[dict[str, Any]] | None = None, **more: Any) -> Asked:
    analysis = {"templates": [{"templateName": t} for t in templates], "args": args or []}
    return Asked(key=RUN, owner=WEB, role="step", analysis=msgspec.convert(analysis, RolloutAnalysis), **more)


def begin_pass(whole: Desired, progress: Progress | None = None, now: float = NOW) -> Pass:
    observed = Observed()
    return Pass(whole, observed, progress or Progress(), now, survey(whole.fleet, observed, now), {})


def running(*metrics: Metric, **spec: Any) -> RunState:
    whole = msgspec.structs.replace(msgspec.convert(spec, AnalysisRunSpec), metrics=metrics)
    return RunState(owner=WEB, role="step", spec=whole, started_at=NOW, metrics=first_states(whole, NOW))


def came(
    run: RunState, name: str = "rate", value: str = "", *, error: str = "", lacking: str = "", at: float = NOW
) -> Measured:
    """The next measurement of `name`, as the edge would bring it."""
    return Measured(
        run=RUN,
        metric=name,
        number=run.metrics[name].taken,
        started_at=at,
        finished_at=at,
        value=value,
        error=error,
        lacking=lacking,
    )
