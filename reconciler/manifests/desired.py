"""What a revision wants, put together from its objects. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from reconciler.manifests.digest import (
    LENT,
    contents_digest,
    former_digest,
    template_digest,
    template_of,
    workload_hash,
)
from reconciler.manifests.moved_services import without_versions
from reconciler.manifests.resolved import Known, resolved
from reconciler.manifests.strategy import strategy_of
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from reconciler.model.config import ConfigMap, Namespace, Secret
from reconciler.model.desired import Contents, Desired
from reconciler.model.fleet import Fleet
from reconciler.model.ingress import Ingress, IngressClass
from reconciler.model.kinds import Addresses, AnyTemplate, Object, Workload
from reconciler.model.meta import Key
from reconciler.model.reading import reads
from reconciler.model.revision import Revision
from reconciler.model.rollout import Rollout, RolloutStrategy
from reconciler.model.service import Endpoints, EndpointSlice, Service
from reconciler.model.workload import Deployment

T = TypeVar("T")


class DigestCache:
    """Digests of the objects of the last revision, by identity: unchanged objects cost nothing again."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[Object, object]] = {}
        self._now: dict[int, tuple[Object, object]] = {}
        self.resolved: Known = {}

    def turn(self) -> None:
        """Forget what the last revision no longer had."""
        self._last, self._now = self._now, {}

    def of(self, item: Object, work: Callable[[], T]) -> T:
        known = self._last.get(id(item)) or self._now.get(id(item))
        result = known[1] if known and known[0] is item else work()
        self._now[id(item)] = item, result
        return result  # type: ignore[return-value]  # an item is always asked for with the same work


def desired(
    fleet: Fleet,
    revision: Revision,
    objects: Sequence[Object],
    *,
    complete: bool = True,
    cache: DigestCache | None = None,
) -> Desired:
    """`objects` as `load_tree` gives them. Keep `cache` from one revision to the next."""
    cache = cache or DigestCache()
    cache.turn()
    sorts = _sorted_out(objects)
    contents = sorts.contents
    workloads, cache.resolved = resolved(sorts.workloads, cache.resolved)
    strategies = _strategies(workloads)
    hashes = {key: _hashes(workload, contents, cache) for key, workload in workloads.items()}
    return Desired(
        fleet=fleet,
        revision=revision,
        workloads=workloads,
        hashes={key: own for key, (own, _) in hashes.items()},
        former={key: before for key, (own, before) in hashes.items() if before != own},
        contents=contents,
        namespaces=tuple(sorted(sorts.namespaces)),
        complete=complete,
        services=without_versions(sorts.services, workloads, strategies, cache.of),
        addresses=sorts.addresses,
        ingresses=sorts.ingresses,
        strategies=strategies,
        templates=sorts.templates,
        runs=sorts.runs,
    )


class _Sorts:
    """The objects of each sort, by key."""

    def __init__(self) -> None:
        self.workloads: dict[Key, Workload] = {}
        self.contents: Contents = {}
        self.services: dict[Key, Service] = {}
        self.addresses: dict[Key, Addresses] = {}
        self.ingresses: dict[Key, Ingress] = {}
        self.templates: dict[Key, AnyTemplate] = {}
        self.runs: dict[Key, AnalysisRun] = {}
        self.namespaces = {"default"}


def _sorted_out(objects: Sequence[Object]) -> _Sorts:
    """In sorted order. A Namespace is its name alone; an IngressClass changes nothing."""
    sorts = _Sorts()
    for item in sorted(objects, key=lambda item: item.key):
        match item:
            case Namespace():
                sorts.namespaces.add(item.metadata.name)
            case ConfigMap() | Secret():
                sorts.contents[item.key] = item
            case Service():
                sorts.services[item.key] = item
            case Endpoints() | EndpointSlice():
                sorts.addresses[item.key] = item
            case Ingress():
                sorts.ingresses[item.key] = item
            case AnalysisTemplate() | ClusterAnalysisTemplate():
                sorts.templates[item.key] = item
            case AnalysisRun():
                sorts.runs[item.key] = item
            case IngressClass():
                continue
            case _:
                sorts.workloads[item.key] = item
        if item.metadata.namespace:
            sorts.namespaces.add(item.metadata.namespace)
    return sorts


def _strategies(workloads: dict[Key, Workload]) -> dict[Key, RolloutStrategy]:
    """How Deployments are delivered that have the annotation; a Rollout has its own strategy in its spec."""
    found = ((key, strategy_of(item)) for key, item in workloads.items() if isinstance(item, Deployment))
    return {key: strategy[0] for key, strategy in found if strategy is not None}


def _hashes(workload: Workload, contents: Contents, cache: DigestCache) -> tuple[str, str]:
    """In the present form, and in the one before."""
    digests, keys = cache.of(workload, lambda: _template(workload))
    read = [(key, _content(contents.get(key), cache)) for key in keys]
    return workload_hash(digests[0], read), workload_hash(digests[1], read)


def _template(workload: Workload) -> tuple[tuple[bytes, bytes], tuple[Key, ...]]:
    """A Rollout's version and that of the Deployment that lends it its template are two: generated
    ReplicaSets are named after them, and both objects may have one name.
    """
    template, namespace = template_of(workload), workload.metadata.namespace
    mark = LENT if isinstance(workload, Rollout) and workload.spec.workload_ref is not None else b""
    digests = template_digest(template) + mark, former_digest(template) + mark
    return digests, reads(template.spec, namespace)


def _content(content: ConfigMap | Secret | None, cache: DigestCache) -> bytes | None:
    return None if content is None else cache.of(content, lambda: contents_digest(content))
