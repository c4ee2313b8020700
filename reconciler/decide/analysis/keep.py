"""After all workloads: AnalysisRuns from files, and which runs are kept.

a run                                     is
from a file, not run yet or changed       begun
from a file, ended, its TTL over          kept as ended, without what was measured: else it would run again
of an object that is gone                 forgotten
going on, and nobody asks for it          ended
ended, beyond its owner's history limit   forgotten, the oldest first
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from reconciler.decide.analysis import jobs
from reconciler.decide.analysis.begin import digest, from_file
from reconciler.decide.analysis.pursue import go_on
from reconciler.decide.analysis.run import ended
from reconciler.decide.current import Pass
from reconciler.decide.isolated import isolated
from reconciler.model.analysis import AnalysisRun, TTLStrategy
from reconciler.model.delivery import ENDED, RunState
from reconciler.model.meta import Key
from reconciler.model.rollout import AnalysisHistory, Rollout


def plan_runs(turn: Pass) -> None:
    for key, given in turn.desired.runs.items():
        run = isolated(turn, str(key), partial(_own, turn, key, given), turn.before.runs.get(key))
        if run is not None:
            turn.runs[key] = run
    for owner, runs in _left(turn).items():
        _keep(turn, owner, runs)
    jobs.clear(turn)


def _own(turn: Pass, key: Key, given: AnalysisRun) -> RunState:
    run = turn.before.runs.get(key)
    if run is None or run.role != "own" or run.template_hash != digest(given.spec):
        run = from_file(key, given, turn.now)
    if run.phase not in ENDED and given.spec.terminate:
        run = ended(run, "Successful", "it was ended: spec.terminate is true", turn.now)
    run = go_on(turn, key, run)
    if run.phase not in ENDED:
        return run
    if run.phase != "Successful":
        turn.draft.note(f"{key}: {run.phase}: {run.message}")
    return _aged(turn, run, given.spec.ttl_strategy)


def _aged(turn: Pass, run: RunState, ttl: TTLStrategy | None) -> RunState:
    if ttl is None or run.completed_at is None or not run.metrics:
        return run
    by_phase = {"Successful": ttl.seconds_after_success, "Failed": ttl.seconds_after_failure}
    length = by_phase.get(run.phase)
    length = ttl.seconds_after_completion if length is None else length
    if length is None:
        return run
    if turn.now < run.completed_at + length:
        turn.draft.wait(f"run {run.owner.name}", "what it measured is forgotten", run.completed_at + length)
        return run
    return msgspec.structs.replace(run, metrics={})


def _left(turn: Pass) -> dict[Key, list[Key]]:
    """Runs that no workload has looked at in this pass, by owner, of owners that are still there."""
    found: dict[Key, list[Key]] = {}
    for key, run in turn.before.runs.items():
        if key not in turn.runs and run.role != "own" and run.owner in turn.desired.workloads:
            found.setdefault(run.owner, []).append(key)
    return found


def _keep(turn: Pass, owner: Key, keys: Iterable[Key]) -> None:
    runs = {key: _ended(turn, turn.before.runs[key]) for key in keys}
    limits = _history(turn, owner)
    for good, limit in (
        (True, limits.successful_run_history_limit),
        (False, limits.unsuccessful_run_history_limit),
    ):
        in_use = sum(_is_good(r) == good for r in turn.runs.values() if r.owner == owner and r.phase in ENDED)
        some = sorted((k for k in runs if _is_good(runs[k]) == good), key=lambda k: _age(runs[k]))
        for key in some[max(0, len(some) - max(0, limit - in_use)) :]:
            turn.runs[key] = runs[key]


def _is_good(run: RunState) -> bool:
    return run.phase == "Successful"


def _ended(turn: Pass, run: RunState) -> RunState:
    if run.phase in ENDED:
        return run
    return ended(run, "Successful", "it was ended: nothing asks for it any more", turn.now)


def _age(run: RunState) -> float:
    return run.completed_at or run.started_at


def _history(turn: Pass, owner: Key) -> AnalysisHistory:
    workload = turn.desired.workloads[owner]
    return workload.spec.analysis if isinstance(workload, Rollout) else AnalysisHistory()
