"""The Services that Rollouts move, as they select without a version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.rollout import HASH_LABEL, Rollout, RolloutStrategy
from reconciler.model.service import Service

Same = Callable[[Service, Callable[[], Service]], Service]


def without_versions(
    services: Mapping[Key, Service],
    workloads: Mapping[Key, Workload],
    strategies: Mapping[Key, RolloutStrategy],
    same: Same,
) -> dict[Key, Service]:
    """Argo Rollouts writes a version's hash into their selectors, and so it is in manifests that come from a
    cluster. Here the version is chosen beside the selector; with it they would select nobody. `same` gives
    the same object for the same one again.
    """
    moved = {
        Key("Service", key.namespace, name)
        for key, workload in workloads.items()
        if (strategy := workload.spec.strategy if isinstance(workload, Rollout) else strategies.get(key))
        for name in strategy.services
    }
    found = dict(services)
    for key in moved & found.keys():
        service = found[key]
        if HASH_LABEL in (service.spec.selector or {}):
            found[key] = same(service, partial(_plain, service))
    return found


def _plain(service: Service) -> Service:
    selector = {k: v for k, v in (service.spec.selector or {}).items() if k != HASH_LABEL}
    return msgspec.structs.replace(service, spec=msgspec.structs.replace(service.spec, selector=selector))
