"""A node as `kubectl get node -o yaml` shows it (core/v1 Node)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from reconciler import __version__
from reconciler.decide.schedule.labels import node_labels
from reconciler.decide.survey import UNREACHABLE
from reconciler.model.fleet import NodeSpec
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState
from reconciler.model.placement import Taint
from reconciler.model.quantity import human_cpu
from reconciler.record.metadata import Shown, condition, metadata, without_empty

MAX_PODS = 250
"""What kubectl shows as a node's room for pods; the pod network's slice of 254 addresses allows no more."""


def node_object(fleet: str, spec: NodeSpec, state: NodeState) -> Shown:
    taints = [*spec.taints, *_own_taints(spec, state)]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata(
            fleet,
            Key("Node", "", spec.name),
            created_at=None,
            labels=node_labels(spec, state),
            annotations=spec.annotations,
        ),
        "spec": without_empty(
            {
                "podCIDR": state.pod_cidr,
                "podCIDRs": [state.pod_cidr] if state.pod_cidr else [],
                "taints": msgspec.to_builtins(taints),
                "unschedulable": spec.unschedulable or None,
            }
        ),
        "status": _status(spec, state),
    }


def _own_taints(spec: NodeSpec, state: NodeState) -> list[Taint]:
    found = [UNREACHABLE] if state.reachable is False else []
    if spec.unschedulable:
        found.append(Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule"))
    return found


def _status(spec: NodeSpec, state: NodeState) -> Shown:
    facts = state.facts
    room = {"cpu": human_cpu(facts.cpu_milli), "memory": f"{facts.memory // 1024}Ki", "pods": str(MAX_PODS)}
    return {
        "capacity": room,
        "allocatable": room,
        "conditions": [_ready(state)],
        "addresses": _addresses(spec),
        "nodeInfo": {
            "architecture": facts.architecture,
            "operatingSystem": facts.os,
            "osImage": facts.os_image,
            "kernelVersion": facts.kernel,
            "containerRuntimeVersion": f"docker://{facts.docker_version}",
            "kubeletVersion": f"v{__version__}",
            "kubeProxyVersion": f"v{__version__}",
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
        },
    }


def _ready(state: NodeState) -> Shown:
    if state.reachable is None:
        return condition("Ready", None, None, "NodeStatusNeverUpdated", "it hasn't been asked yet")
    if not state.reachable:
        reason = state.reason or "NodeStatusUnknown"
        return condition("Ready", None, state.lost_since, reason, state.message)
    return condition("Ready", True, None, "EngineReady", "the Docker Engine answers")


def _addresses(spec: NodeSpec) -> list[Shown]:
    host = urlsplit(spec.address).hostname or ""
    name = {"type": "Hostname", "address": spec.name}
    if not host:
        return [name]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return [{"type": "InternalDNS", "address": host}, name]
    return [{"type": "InternalIP", "address": host}, name]
