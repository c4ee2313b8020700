"""A run that goes on: what is due is measured, what isn't is waited for."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.decide.analysis import jobs
from reconciler.decide.analysis.limits import limits
from reconciler.decide.analysis.run import due_at
from reconciler.decide.current import Pass
from reconciler.model.analysis import Argument, Metric
from reconciler.model.delivery import ENDED, MetricState, RunState
from reconciler.model.meta import Key
from reconciler.model.plan import Measure


def go_on(
    turn: Pass,
    key: Key,
    run: RunState,
    canary: Sequence[str] = (),
    stable: Sequence[str] = (),
    services: Sequence[str] = (),
    *,
    served: bool = True,
) -> RunState:
    """The same object when nothing came of it. Every metric that hasn't ended leaves a wait."""
    for metric in run.spec.metrics:
        if run.phase in ENDED:
            break
        state = run.metrics[metric.name]
        if state.phase in ENDED:
            continue
        due = due_at(metric, state, turn.now)
        if due > turn.now:
            turn.draft.wait(str(key), f'metric "{metric.name}" is measured{_again(state)}', due)
        elif not served and _counts_from_the_first_pod(run, metric, state):
            turn.draft.wait(str(key), f'metric "{metric.name}" is measured once the new version has a pod')
        elif metric.provider.job is not None:
            run = jobs.measure(turn, key, run, metric, metric.provider.job)
        else:
            turn.draft.wait(str(key), f'metric "{metric.name}" is being measured')
            turn.measures.append(
                Measure(
                    run=key,
                    metric=metric,
                    number=state.taken,
                    args=_secrets(run),
                    canary=tuple(canary),
                    stable=tuple(stable),
                    services=tuple(services),
                    interval=_since(turn, metric, state),
                )
            )
    return run


def _counts_from_the_first_pod(run: RunState, metric: Metric, state: MetricState) -> bool:
    """What runs beside the steps begins before the new version's first pod. Before that our proxies have
    nothing to count, and a verdict that nothing can be told would pause every update at its beginning. A step
    isn't waited with: it may come before any pod.
    """
    return run.role == "background" and metric.provider.haproxy is not None and not state.taken


def _again(state: MetricState) -> str:
    last = state.measurements[-1] if state.measurements else None
    if last is None:
        return ""
    return f" again, after an error: {last.message}" if last.phase == "Error" else " again"


def _secrets(run: RunState) -> tuple[Argument, ...]:
    return tuple(
        a for a in run.spec.args if a.value_from is not None and a.value_from.secret_key_ref is not None
    )


def _since(turn: Pass, metric: Metric, state: MetricState) -> float:
    if state.measurements:
        return max(0.0, turn.now - state.measurements[-1].finished_at)
    return limits(metric).interval or 0.0
