"""One container as `status.containerStatuses` shows it (core/v1 ContainerStatus)."""

from __future__ import annotations

from reconciler.model.observed import ContainerState, PodState
from reconciler.record.metadata import Shown, timestamp, without_empty

WAITING_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ContainerCreating",
        "PodInitializing",
    }
)
"""Reasons of a pod that are those of its waiting containers, in Kubernetes' words."""


def container_status(container: ContainerState, pod: PodState) -> Shown:
    """`state` is exactly one of waiting, running and terminated, `lastState` how it ended before."""
    before = {} if container.state == "exited" else _terminated(container)
    return {
        "name": container.name,
        "image": container.image,
        "imageID": container.image_id,
        "ready": container.ready,
        "started": container.started,
        "restartCount": container.restarts,
        "state": _state(container, pod),
        "lastState": before,
        **without_empty({"containerID": f"docker://{container.id}" if container.id else ""}),
    }


def _state(container: ContainerState, pod: PodState) -> Shown:
    match container.state:
        case "running" | "paused":
            return {"running": without_empty({"startedAt": timestamp(container.started_at)})}
        case "exited":
            return _terminated(container) or _waiting("ContainerCreating", container.error)
        case "restarting":
            return _waiting("CrashLoopBackOff", container.error or _crashed(container))
        case _:
            known = pod.reason in WAITING_REASONS
            return _waiting(pod.reason if known else "ContainerCreating", pod.message if known else "")


def _waiting(reason: str, message: str) -> Shown:
    return {"waiting": without_empty({"reason": reason, "message": message})}


def _terminated(container: ContainerState) -> Shown:
    if container.exit_code is None or container.finished_at is None:
        return {}
    times = {"startedAt": timestamp(container.started_at), "finishedAt": timestamp(container.finished_at)}
    # A container that runs again has lost the start of the run before: Docker keeps the newest only.
    if (container.started_at or 0) > container.finished_at:
        del times["startedAt"]
    return {
        "terminated": {
            "exitCode": container.exit_code,
            "reason": _ended(container),
            **without_empty({**times}),
        }
    }


def _ended(container: ContainerState) -> str:
    if container.oom_killed:
        return "OOMKilled"
    return "Completed" if container.exit_code == 0 else "Error"


def _crashed(container: ContainerState) -> str:
    return f"restarting after exit code {container.exit_code}" if container.exit_code is not None else ""
