"""Rules about requests and limits: names that can be given or counted, amounts that can be kept."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown
from reconciler.model.container import Container, ResourceFieldSelector
from reconciler.model.quantity import human_bytes, millicores, parse_quantity

KNOWN = ("cpu", "memory", "ephemeral-storage", "nvidia.com/gpu")
_SMALLEST_MEMORY = 6 * 2**20
"""Docker refuses a container's memory limit below 6 MiB."""


def check(container: Container, path: Path) -> Iterator[Said]:
    need = container.resources
    for side, amounts in (("requests", need.requests), ("limits", need.limits)):
        for name in amounts:
            if name not in KNOWN and "/" not in name:
                yield _unknown(name, (*path, side, name))
    yield from _extended(container, path)
    if "ephemeral-storage" in need.limits:
        why = "has no effect: Docker keeps no limit on a container's files; requests are scheduled by"
        yield Said((*path, "limits", "ephemeral-storage"), why, severity="note", rule="no-effect")
    yield from _amounts(container, path)


def _unknown(name: str, path: Path) -> Said:
    near = get_close_matches(name, KNOWN, 1, 0.6)
    remedy = f"did you mean {near[0]}?" if near else f"it can give {', '.join(KNOWN)}"
    return Said(path, f"Docker can give no {name}", remedy, rule="resources")


def _extended(container: Container, path: Path) -> Iterator[Said]:
    """Kubernetes: whole numbers, and a request is the limit. Ours: only counted, but for GPUs."""
    limits, requests = container.resources.limits, container.resources.requests
    for name in sorted({*limits, *requests}):
        if "/" not in name:
            continue
        side = "limits" if name in limits else "requests"
        amount = parse_quantity((limits if name in limits else requests)[name])
        if amount != int(amount):
            message = f"expected a whole number, found {shown(str(amount))}"
            yield Said((*path, side, name), message, "such resources are counted", rule="resources")
        elif name not in limits or parse_quantity(requests.get(name, amount)) != amount:
            message = "expected the same in requests and limits: such resources can't be overcommitted"
            yield Said((*path, side, name), message, f"write limits.{name} alone", rule="resources")
        elif name not in KNOWN:
            why = "is counted, and gives the container no device: mount what it needs by hostPath"
            yield Said((*path, side, name), why, severity="note", rule="resources")


def field(reference: ResourceFieldSelector, path: Path) -> Iterator[Said]:
    """`limits.cpu` or `requests.memory`: a side and a resource."""
    side, _, name = reference.resource.partition(".")
    if side not in ("limits", "requests") or name not in KNOWN[:3]:
        message = f"expected limits.cpu, limits.memory or the like, found {shown(reference.resource)}"
        yield Said((*path, "resource"), message, "begin it with limits. or requests.", rule="field-path")


def _amounts(container: Container, path: Path) -> Iterator[Said]:
    limits, requests = container.resources.limits, container.resources.requests
    for name, wanted in requests.items():
        if name in limits and parse_quantity(wanted) > parse_quantity(limits[name]):
            yield Said(
                (*path, "requests", name),
                f"{wanted} is more than the limit, {limits[name]}",
                "lower the request or raise the limit",
                rule="resources",
            )
    memory = limits.get("memory")
    if memory is not None and 0 < parse_quantity(memory) < _SMALLEST_MEMORY:
        yield Said(
            (*path, "limits", "memory"),
            f"{memory} is {human_bytes(int(parse_quantity(memory)))} bytes or less, "
            "and Docker's smallest limit is 6Mi",
            "memory is counted in bytes: write Mi or Gi",
            rule="resources",
        )
    cpu = limits.get("cpu")
    if cpu is not None and 0 < millicores(cpu) < 10:
        message = f"{cpu} is less than 10m, the smallest limit that Linux keeps"
        yield Said((*path, "limits", "cpu"), message, "raise it", rule="resources")
