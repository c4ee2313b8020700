"""What a probe's tries add up to. Pure: (state, result, now) -> state.

Source of the rules: Kubernetes, pkg/kubelet/prober/worker.go. `successThreshold` successes in a row make
it pass, `failureThreshold` failures in a row make it fail; liveness passes until proven otherwise,
readiness and startup fail until proven otherwise; a liveness or startup probe that has failed is over:
the container must be restarted.

Ours is only the pace before the first success: Kubernetes tries once a period, we try again soon and ever
less often, up to the period. `initialDelaySeconds` is honoured as it is; and of these early failures at
most one a period counts, so that a container has as long to get ready as under Kubernetes.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from reconciler.model.base import Value
from reconciler.model.probe import Probe

Kind = Literal["startup", "liveness", "readiness"]

FIRST_WAIT = 0.02
FIRST_WAIT_EXEC = 0.2
"""Seconds; a command in a container costs the node some 40 ms of CPU."""
_GROWTH = 1.3
"""Of the wait between early tries: readiness is noticed at most 30 % later than it came."""


class ProbeState(Value):
    """One probe over one run of its container. Times on one clock of the caller's, in seconds."""

    passing: bool
    due: float
    """When to try next."""
    counts_from: float
    """A failure before this doesn't count."""
    wait: float
    """Between early tries; 0 after the first success."""
    successes: int = 0
    failures: int = 0
    over: bool = False
    message: str = ""


def begin(kind: Kind, probe: Probe, start: float) -> ProbeState:
    """`start` is when the container was started, or for liveness and readiness when startup passed, if
    later.
    """
    wait = FIRST_WAIT_EXEC if probe.exec is not None else FIRST_WAIT
    return ProbeState(passing=kind == "liveness", due=start, counts_from=start, wait=wait)


def judge(kind: Kind, probe: Probe, state: ProbeState, failure: str | None, now: float) -> ProbeState:
    """After a try that ended at `now`. `failure`: "" is success, None is that nobody knows (the node is
    away).
    """
    if failure is None:
        return replace(state, due=now + probe.period_seconds)
    return _succeeded(probe, state, now) if failure == "" else _failed(kind, probe, state, failure, now)


def _succeeded(probe: Probe, state: ProbeState, now: float) -> ProbeState:
    successes = state.successes + 1
    passing = state.passing or successes >= probe.success_threshold
    return ProbeState(
        passing=passing,
        due=now + probe.period_seconds,
        counts_from=now,
        wait=0.0,
        successes=successes,
        message="" if passing else state.message,
    )


def _failed(kind: Kind, probe: Probe, state: ProbeState, failure: str, now: float) -> ProbeState:
    pause = min(state.wait, probe.period_seconds) or float(probe.period_seconds)
    later = replace(state, successes=0, due=now + pause, wait=state.wait * _GROWTH)
    if now < state.counts_from:
        return later
    failures = state.failures + 1
    failed = failures >= probe.failure_threshold
    return replace(
        later,
        failures=failures,
        counts_from=max(now, state.counts_from) + probe.period_seconds if state.wait else now,
        passing=state.passing and not failed,
        over=failed and kind != "readiness",
        message=failure if failed or failures > 1 else state.message,
    )
