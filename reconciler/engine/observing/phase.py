"""A pod's phase, reason and message from its containers' states. Pure.

Source of the rules: Kubernetes, pkg/kubelet/kubelet_pods.go (getPhase) and pkg/printers/internalversion
(printPod), whose STATUS column `reason` is. An empty reason means that the phase says it all.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.model.observed import ContainerState, Phase
from reconciler.model.pod import PodSpec


class Status(NamedTuple):
    """What people see of a pod."""

    phase: Phase
    reason: str
    message: str


def pod_status(spec: PodSpec, containers: tuple[ContainerState, ...]) -> Status:
    """`containers` are all that the pod should have; those that aren't there are `absent`."""
    inits = [c for c in containers if c.role in ("init", "sidecar")]
    mains = [c for c in containers if c.role == "main"]
    sandbox = next((c for c in containers if c.role == "sandbox"), None)
    if any(c.started_at is not None for c in mains) or not inits:
        return _running_or_over(spec, mains, sandbox)
    return _initializing(spec, inits) or _not_begun(spec, mains)


def is_over(spec: PodSpec, container: ContainerState) -> bool:
    """It has ended and nobody will start it again."""
    if container.state != "exited" or container.role in ("sandbox", "sidecar"):
        return False
    if container.exit_code == 0:
        return container.role == "init" or spec.restart_policy != "Always"
    return spec.restart_policy == "Never"


def _initializing(spec: PodSpec, inits: list[ContainerState]) -> Status | None:
    """None when all of them are done."""
    for number, container in enumerate(inits):
        done = container.state == "exited" and container.exit_code == 0 and container.role == "init"
        if done or (container.role == "sidecar" and container.state == "running" and container.started):
            continue
        word, message = _word(spec, container)
        if container.state == "exited" and is_over(spec, container):
            return Status("Failed", f"Init:{word}", message)
        plain = word in ("", "ContainerCreating", "PodInitializing")
        waiting_first = number == 0 and container.state == "absent"
        reason = f"Init:{number}/{len(inits)}" if plain and not waiting_first else f"Init:{word}"
        return Status("Pending", "ContainerCreating" if waiting_first else reason, message)
    return None


def _not_begun(spec: PodSpec, mains: list[ContainerState]) -> Status:
    """Its init containers are done; of the main ones none has ever run."""
    refused = next((c for c in mains if c.state == "created" and c.error), None)
    return Status("Pending", *(_word(spec, refused) if refused else ("PodInitializing", "")))


def _running_or_over(spec: PodSpec, mains: list[ContainerState], sandbox: ContainerState | None) -> Status:
    if all(is_over(spec, c) for c in mains):
        return _over(spec, mains)
    words = [_word(spec, c) for c in mains]
    said = [w for w in words if w[0]]
    reason, message = said[0] if said else ("", next((m for _, m in words if m), ""))
    never_ran = all(c.state in ("absent", "created") for c in mains)
    if reason == "Completed" and any(c.state == "running" for c in mains):
        reason = "" if all(c.ready for c in mains if c.state == "running") else "NotReady"
    if not said and sandbox is not None and sandbox.state != "running":
        message = "its sandbox isn't running"
    return Status("Pending" if never_ran else "Running", reason, message)


def _over(spec: PodSpec, mains: list[ContainerState]) -> Status:
    failed = [c for c in mains if c.exit_code != 0]
    if not failed:
        return Status("Succeeded", "Completed", "")
    return Status("Failed", *_word(spec, failed[0]))


def _word(spec: PodSpec, container: ContainerState) -> tuple[str, str]:
    """Reason and message of one container; empty while it runs."""
    if container.state == "exited":
        again = container.restarts > 0 and not is_over(spec, container)
        return "CrashLoopBackOff" if again else _ended(container), _ending(container)
    if container.state == "created" and container.error:
        return "RunContainerError", container.error
    return {
        "running": ("", "" if container.ready else container.probe_message),
        "paused": ("Paused", f"container {container.name} was paused"),
        "restarting": ("CrashLoopBackOff", _ending(container)),
    }.get(container.state, ("ContainerCreating", ""))


def _ended(container: ContainerState) -> str:
    if container.oom_killed:
        return "OOMKilled"
    return "Completed" if container.exit_code == 0 else "Error"


def _ending(container: ContainerState) -> str:
    if container.exit_code == 0:
        return ""
    why = (
        "was killed for its use of memory"
        if container.oom_killed
        else f"exited with code {container.exit_code}"
    )
    return f"container {container.name} {why}{f': {container.error}' if container.error else ''}"
