"""A run at its beginning: templates merged, arguments filled in, everything checked. What is wrong with it
makes it end at once with phase Error and a message.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from reconciler.decide.analysis.arguments import Origin, filled, in_full, settled
from reconciler.decide.analysis.asked import Asked
from reconciler.decide.analysis.limits import check
from reconciler.decide.analysis.reasons import Unfit
from reconciler.decide.analysis.run import first_states
from reconciler.decide.analysis.templates import merged, retained, together
from reconciler.model.analysis import AnalysisRun, AnalysisRunSpec
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from reconciler.model.meta import Key


def for_delivery(desired: Desired, asked: Asked, now: float) -> RunState:
    """As somebody's delivery asks for it."""
    empty = RunState(
        owner=asked.owner,
        role=asked.role,
        spec=AnalysisRunSpec(),
        started_at=now,
        template_hash=asked.template_hash,
        step=asked.step,
    )
    return _begun(empty, lambda: _asked_spec(desired, asked), now)


def _asked_spec(desired: Desired, asked: Asked) -> AnalysisRunSpec:
    analysis = asked.analysis
    if not analysis.templates:
        raise Unfit("the analysis names no template")
    template = merged(desired, asked.key.namespace, analysis.templates)
    origin = Origin(latest=asked.template_hash, stable=asked.stable_hash, fields=asked.fields)
    args = settled(template.args, analysis.args, origin)
    return AnalysisRunSpec(
        metrics=tuple(filled(m, args) for m in template.metrics),
        args=args,
        dry_run=together(template.dry_run, analysis.dry_run),
        measurement_retention=retained(template.measurement_retention, analysis.measurement_retention),
    )


def digest(spec: AnalysisRunSpec) -> str:
    """Changes with what is measured (10 hex digits), not with when it ends or how long it is kept."""
    measured = msgspec.structs.replace(spec, terminate=False, ttl_strategy=None)
    return blake2b(msgspec.json.encode(measured, order="deterministic"), digest_size=5).hexdigest()


def from_file(key: Key, given: AnalysisRun, now: float) -> RunState:
    """An AnalysisRun that stands in a file; it judges nothing but itself."""
    hashed = digest(given.spec)
    empty = RunState(owner=key, role="own", spec=AnalysisRunSpec(), started_at=now, template_hash=hashed)
    return _begun(empty, lambda: _given_spec(given), now)


def _given_spec(given: AnalysisRun) -> AnalysisRunSpec:
    args = settled(given.spec.args, (), Origin(fields=in_full(given)))
    metrics = tuple(filled(m, args) for m in given.spec.metrics)
    return msgspec.structs.replace(given.spec, args=args, metrics=metrics)


def _begun(empty: RunState, made: Callable[[], AnalysisRunSpec], now: float) -> RunState:
    try:
        spec = made()
        check(spec)
        states = first_states(spec, now)
    except Unfit as error:
        return msgspec.structs.replace(empty, phase="Error", message=str(error), completed_at=now)
    return msgspec.structs.replace(empty, spec=spec, metrics=states)
