"""Requests and limits as Docker's HostConfig fields. Pure.

Source of the rules: Kubernetes, pkg/kubelet/cm/helpers_linux.go (shares, quota) and
pkg/kubelet/qos/policy.go (the order in which the kernel kills when memory runs out).
"""

from __future__ import annotations

from typing import Any

from reconciler.model.container import Container, ResourceRequirements
from reconciler.model.pod import PodSpec
from reconciler.model.quantity import Quantity, millicores, whole

_PERIOD = 100_000
_LEAST_QUOTA = 1_000
_LEAST_SHARES, _MOST_SHARES = 2, 262_144
GPU = "nvidia.com/gpu"
PLAIN = frozenset({"cpu", "memory", "ephemeral-storage"})
"""What every node has."""


def limits(container: Container, spec: PodSpec, node_memory: int) -> dict[str, Any]:
    """CPU shares and quota, memory, OOM score and GPUs. `node_memory` in bytes, 0 when unknown.

    A quota, not Docker's NanoCpus: that one refuses a limit above the node's own number of CPUs.
    """
    need = container.resources
    body: dict[str, Any] = {
        "CpuShares": _shares(need),
        "OomScoreAdj": _oom_score(container, spec, node_memory),
    }
    if cpu := millicores(need.limits.get("cpu", 0)):
        body |= {"CpuPeriod": _PERIOD, "CpuQuota": max(_LEAST_QUOTA, cpu * _PERIOD // 1000)}
    if memory := whole(need.limits.get("memory", 0)):
        body |= {"Memory": memory, "MemorySwap": memory}
    if gpus := whole(need.limits.get(GPU, 0)):
        body["DeviceRequests"] = [{"Driver": "nvidia", "Count": gpus, "Capabilities": [["gpu"]]}]
    return body


def unknown_resources(container: Container) -> list[str]:
    """Resources that Docker has no field for: a pod that asks for one can't be honoured.

    Extended resources (`example.com/stick`) are only counted, by the scheduler.
    """
    need = container.resources
    return sorted(name for name in {*need.requests, *need.limits} - PLAIN if "/" not in name)


def _shares(need: ResourceRequirements) -> int:
    """The request, else the limit, else the least: a pod that asks for nothing yields to those that do."""
    cpu = millicores(need.requests.get("cpu", need.limits.get("cpu", 0)))
    return min(_MOST_SHARES, max(_LEAST_SHARES, cpu * 1024 // 1000))


def _oom_score(container: Container, spec: PodSpec, node_memory: int) -> int:
    """Kubernetes' numbers, but 0 for Guaranteed: an Engine inside a container may not go below zero."""
    quality = quality_of_service(spec)
    if quality == "Guaranteed":
        return 0
    if quality == "BestEffort" or not node_memory:
        return 1000
    need = container.resources
    asked = whole(need.requests.get("memory", need.limits.get("memory", 0)))
    return min(999, max(3, 1000 - 1000 * asked // node_memory))


def quality_of_service(spec: PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort, from every container's CPU and memory."""
    wanted = [c.resources for c in spec.every_container()]
    if not any(_counted(r.requests) or _counted(r.limits) for r in wanted):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(r) for r in wanted) else "Burstable"


def _counted(amounts: dict[str, Quantity]) -> bool:
    return bool(millicores(amounts.get("cpu", 0)) or whole(amounts.get("memory", 0)))


def _is_guaranteed(need: ResourceRequirements) -> bool:
    """Both limits set, and no request that differs from its limit (an omitted request is its limit)."""
    cpu, memory = need.limits.get("cpu", 0), need.limits.get("memory", 0)
    same_cpu = millicores(need.requests.get("cpu", cpu)) == millicores(cpu) > 0
    return same_cpu and whole(need.requests.get("memory", memory)) == whole(memory) > 0
