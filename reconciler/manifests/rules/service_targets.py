"""Rules about where Services lead: pods that their selectors match, these pods' ports, addresses by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.rules.nodes import pod_of
from reconciler.manifests.rules.services import is_port_name
from reconciler.manifests.said import Said
from reconciler.model.kinds import Addresses
from reconciler.model.meta import Key
from reconciler.model.pod import Pod, PodSpec
from reconciler.model.service import Endpoints, EndpointSlice, Service

_MAX_LOOKS = 20
"""So many Services are compared letter by letter; who has more of them wrong needs no hint for each."""


class _Target(NamedTuple):
    """A pod, or what will make pods with these labels."""

    owner: Key
    labels: dict[str, str]
    spec: PodSpec


class _Pods:
    """Every pod and template, found by any one label: a Service is compared with few of them."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.every = [target for entry in entries if (target := _target(entry)) is not None]
        self._by_label: dict[tuple[str, str, str], list[_Target]] = defaultdict(list)
        for target in self.every:
            for key, value in target.labels.items():
                self._by_label[target.owner.namespace, key, value].append(target)

        self._looks = _MAX_LOOKS

    def may_look(self) -> bool:
        self._looks -= 1
        return self._looks >= 0

    def matching(self, namespace: str, selector: dict[str, str]) -> list[_Target]:
        key, value = next(iter(selector.items()))
        found = self._by_label.get((namespace, key, value), ())
        return [target for target in found if selector.items() <= target.labels.items()]


def _target(entry: Entry) -> _Target | None:
    pod = pod_of(entry.item)
    if pod is None:
        return None
    item = entry.item
    meta = item.metadata if isinstance(item, Pod) else item.spec.template.metadata  # type: ignore[union-attr]
    return _Target(item.key, meta.labels, pod[0])


def across(entries: Sequence[Entry], kept: Kept, *, complete: bool) -> Iterator[tuple[Entry, Said]]:
    pods = _Pods(entries) if any(isinstance(entry.item, Service) for entry in entries) else None
    filled = {_service_of(e.item) for e in entries if isinstance(e.item, Endpoints | EndpointSlice)}
    for entry in entries:
        item = entry.item
        if isinstance(item, Service) and pods is not None and item.spec.type != "ExternalName":
            if item.spec.selector:
                yield from ((entry, said) for said in _selected(item, pods, complete))
            elif complete and item.key not in filled:
                yield entry, _leads_nowhere(item)
        elif isinstance(item, Endpoints | EndpointSlice):
            yield from ((entry, said) for said in _by_hand(item, kept, complete))


def _service_of(item: Addresses) -> Key:
    return item.service if isinstance(item, EndpointSlice) else item.key._replace(kind="Service")


def _leads_nowhere(item: Service) -> Said:
    message = (
        f"has no selector, and there are no Endpoints {item.key.namespace}/{item.key.name}: it leads nowhere"
    )
    remedy = "add a selector with the labels of its pods, or Endpoints of the same name"
    return Said(("spec",), message, remedy, "warning", rule="selector")


def _selected(item: Service, pods: _Pods, complete: bool) -> Iterator[Said]:
    selector = item.spec.selector or {}
    found = pods.matching(item.key.namespace, selector)
    if not found:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
        where = "" if complete else " in these files"
        message = f"no pod of namespace {item.key.namespace} has {wanted}{where}"
        any_pod = Key("Pod", item.key.namespace, "")
        remedy = _near_miss(item, pods)
        yield Said(("spec", "selector"), message, remedy, "warning", "selector", lacks=any_pod)
        return
    for index, port in enumerate(item.spec.ports):
        if isinstance(port.target_port, str) and is_port_name(port.target_port):
            path = ("spec", "ports", index, "targetPort")
            yield from _named(port.target_port, port.protocol, found, path, complete)


def _near_miss(item: Service, pods: _Pods) -> str:
    """The pods that were meant: those of another namespace, or those that lack the fewest labels."""
    selector = item.spec.selector or {}
    for target in pods.every:
        if selector.items() <= target.labels.items():
            return f"{target.owner} has them; a Service finds pods of its own namespace only"
    near = [target for target in pods.every if target.owner.namespace == item.key.namespace]
    best = min(near, key=lambda target: _lacks(target, selector), default=None)
    if best is not None and _lacks(best, selector) == len(selector):
        best = _alike(near, selector) if pods.may_look() else None
    if best is None:
        return "use labels of spec.template.metadata.labels"
    has = ", ".join(
        f"{key}={best.labels[key]}" if key in best.labels else f"no label {key}"
        for key, value in sorted(selector.items())
        if best.labels.get(key) != value
    )
    return f"{best.owner} has {has}"


def _lacks(target: _Target, selector: dict[str, str]) -> int:
    return sum(target.labels.get(key) != value for key, value in selector.items())


def _alike(targets: list[_Target], selector: dict[str, str]) -> _Target | None:
    """One with a label of the same key and a similar value: a slip of the pen."""
    for key, value in selector.items():
        values = {target.labels[key]: target for target in targets if key in target.labels}
        if found := get_close_matches(value, values, 1, 0.6):
            return values[found[0]]
    return None


def _named(
    name: str, protocol: str, found: list[_Target], path: tuple[str | int, ...], complete: bool
) -> Iterator[Said]:
    """Kubernetes: a pod without a port of that name gets nothing (endpoints, FindPort).

    Where no pod has one, it is an error, except in front of a Rollout: some of Argo Rollouts' own examples
    are so, and go through their steps all the same.
    """
    lacking = [target for target in found if (name, protocol) not in _ports(target.spec)]
    if not lacking:
        return
    known = sorted({port for target in lacking for port, _ in _ports(target.spec) if port})
    near = get_close_matches(name, known, 1, 0.6)
    remedy = (
        f"did you mean {near[0]}?"
        if near
        else f"name a container's port {name} ({protocol}), or write its number"
    )
    none = len(lacking) == len(found) and not any(t.owner.kind == "Rollout" for t in found)
    message = f'no container of {lacking[0].owner} has a port called "{name}" ({protocol})'
    yield Said(path, message, remedy, "error" if none and complete else "warning", rule="port")


def _ports(spec: PodSpec) -> set[tuple[str, str]]:
    sidecars = (c for c in spec.init_containers if c.restart_policy == "Always")
    return {(port.name, port.protocol) for c in (*spec.containers, *sidecars) for port in c.ports}


def _by_hand(item: Addresses, kept: Kept, complete: bool) -> Iterator[Said]:
    key = _service_of(item)
    path = ("metadata", "name") if isinstance(item, Endpoints) else ("metadata", "labels")
    entry = kept.get(key)
    if entry is None or not isinstance(entry.item, Service):
        if key.name and complete:
            message = f"has no effect: there is no {key}"
            yield Said(path, message, severity="note", rule="no-effect", lacks=key)
        return
    service = entry.item
    if service.spec.selector:
        message = f"{key} has a selector, which says where it leads"
        yield Said(path, message, "remove this, or the Service's selector", rule="service")
        return
    names = {(port.name, port.protocol) for port in service.spec.ports}
    for at, port in _ports_by_hand(item):
        if names and port not in names:
            what = f'called "{port[0]}"' if port[0] else "without a name"
            message = f"{key} has no {port[1]} port {what}, so this one is never used"
            yield Said(at, message, "give both ports the same name", "warning", rule="port")


def _ports_by_hand(item: Addresses) -> Iterator[tuple[tuple[str | int, ...], tuple[str, str]]]:
    if isinstance(item, EndpointSlice):
        for index, one in enumerate(item.ports):
            yield ("ports", index, "name"), (one.name, one.protocol)
        return
    for number, subset in enumerate(item.subsets):
        for index, port in enumerate(subset.ports):
            yield ("subsets", number, "ports", index, "name"), (port.name, port.protocol)
