"""What a pod needs next: its next container, a restart, to be completed, nothing. Decisions as tables.

Docker restarts what crashes; this is for what Docker doesn't do: order, probes, containers that were
killed on purpose or by an engine that stopped.
"""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Value
from reconciler.model.container import Container
from reconciler.model.observed import ContainerState, PodState
from reconciler.model.pod import PodSpec

FIRST_BACKOFF, LONGEST_BACKOFF = 10.0, 300.0
"""Seconds (Kubernetes: kubelet's container back-off)."""
CALM = 600.0
"""A container that ran this long starts anew without a back-off (Kubernetes: ten minutes)."""
SLACK = 10.0
"""Seconds by which clocks may differ. What ended later than that from now ended before one was set back."""

Need = Literal["nothing", "complete", "start", "restart"]


class Care(Value):
    """`complete` means StartPod again. `until` (epoch seconds): nothing now, look again then."""

    need: Need
    containers: tuple[str, ...] = ()
    grace: float = 0.0
    because: str = ""
    until: float | None = None


NOTHING = Care(need="nothing")

RESTARTS: dict[tuple[str, bool], bool] = {
    ("Always", True): True,
    ("Always", False): True,
    ("OnFailure", True): False,
    ("OnFailure", False): True,
    ("Never", True): False,
    ("Never", False): False,
}
"""(restart policy, exited with 0) -> start it again."""

INIT: dict[str, str] = {
    "absent": "complete",
    "created": "start",
    "running": "wait",
    "restarting": "wait",
    "paused": "wait",
    "exited": "judge",
}
"""An init container's state -> what to do while the main ones haven't begun."""

SIDECAR = INIT | {"running": "pass once started"}

SANDBOX: dict[str, str] = {
    "absent": "complete",
    "created": "complete",
    "exited": "complete",
    "running": "pass",
    "restarting": "wait",
    "paused": "wait",
}


def care(pod: PodState, now: float) -> Care:
    """For a pod that is to stay, on a node that can be asked. `now` is by that node's clock."""
    if pod.busy or pod.terminating or pod.phase in ("Succeeded", "Failed"):
        return NOTHING
    if not pod.containers:
        return Care(need="complete", because="it has no container yet")
    begun = _begun(pod)
    for container in pod.containers:
        if container.role == "sandbox":
            found = _sandbox(container)
        elif container.role in ("init", "sidecar") and not begun:
            found = _early(pod.record.spec, container, now)
        else:
            continue
        if found is not None:
            return found
    return _late(pod, now)


def unrecorded(pod: PodState) -> tuple[ContainerState, ...]:
    """Those that have ended, aren't started again, and would be if Docker forgot them: nothing else says yet
    that they have run. Init containers aren't among them: as in Kubernetes, they run again when
    that is forgotten before a main container has begun.
    """
    return tuple(c for c in pod.containers if c.name not in pod.recorded and _is_over(pod.record.spec, c))


def _is_over(spec: PodSpec, container: ContainerState) -> bool:
    ended = container.role == "main" and container.state == "exited"
    return ended and not RESTARTS[spec.restart_policy, container.exit_code == 0]


def broken(pod: PodState) -> str:
    """Why the pod can't be mended in place; "" if it can. Its network died with the sandbox, or what it wrote
    is gone with a volume: it isn't the same pod any more.
    """
    if pod.lost_volumes:
        return f"what was in its volume {', '.join(pod.lost_volumes)} is gone from the node"
    sandbox = next((c for c in pod.containers if c.role == "sandbox"), None)
    if sandbox is None or sandbox.state not in ("exited", "absent"):
        return ""
    others = [c.name for c in pod.containers if c.role != "sandbox" and c.state == "running"]
    return f"its sandbox has died under {', '.join(others)}" if others else ""


def grace_of(pod: PodState) -> float:
    """Seconds to let it end; 0 when nothing of it runs."""
    alive = any(c.state in ("running", "restarting", "paused") for c in pod.containers)
    return float(pod.record.spec.termination_grace_period_seconds) if alive else 0.0


def _begun(pod: PodState) -> bool:
    """A main container has been started at some time: the init containers are over."""
    return any(c.role == "main" and c.state not in ("absent", "created") for c in pod.containers)


def _sandbox(container: ContainerState) -> Care | None:
    match SANDBOX[container.state]:
        case "complete":
            return Care(need="complete", because=_unmade(container, "sandbox"))
        case "wait":
            return NOTHING
    return None


def _early(spec: PodSpec, container: ContainerState, now: float) -> Care | None:
    """One init container or sidecar in its turn; None lets the next one have its."""
    table = SIDECAR if container.role == "sidecar" else INIT
    match table[container.state]:
        case "complete":
            return Care(need="complete", because=_unmade(container, container.name))
        case "start":
            return Care(need="start", containers=(container.name,), because="its turn has come")
        case "judge":
            return _judged(spec, container, now)
        case "pass once started" if container.started:
            return None
    return _unhealthy(spec, container) or NOTHING


def _judged(spec: PodSpec, container: ContainerState, now: float) -> Care | None:
    clean = container.exit_code == 0
    if container.role == "init" and clean:
        return None
    policy = "Always" if container.role == "sidecar" else spec.restart_policy
    if policy == "Never":
        return NOTHING
    return _again(container, now, backoff(container.restarts + 1))


def _late(pod: PodState, now: float) -> Care:
    """Main containers and sidecars, once the init containers are done."""
    late = [c for c in pod.containers if c.role in ("main", "sidecar")]
    if missing := [c for c in late if c.state == "absent"]:
        return Care(need="complete", because=_unmade(missing[0], missing[0].name))
    if fresh := tuple(c.name for c in late if c.state == "created"):
        return Care(need="start", containers=fresh, because=_fresh_reason(pod))
    for container in late:
        if (sick := _unhealthy(pod.record.spec, container)) is not None:
            return sick
    return _revived([c for c in late if _wants_restart(pod.record.spec, c)], now)


def _fresh_reason(pod: PodState) -> str:
    done = any(c.role in ("init", "sidecar") for c in pod.containers)
    return "its init containers are done" if done else "it has been created and not started"


def _wants_restart(spec: PodSpec, container: ContainerState) -> bool:
    policy = "Always" if container.role == "sidecar" else spec.restart_policy
    return container.state == "exited" and RESTARTS[policy, container.exit_code == 0]


def _revived(exited: list[ContainerState], now: float) -> Care:
    """Start all that are due; else say when the first is."""
    again = [_again(c, now, _pause(c)) for c in exited]
    due = [c for c in again if c.need == "start"]
    if due:
        return Care(
            need="start", containers=tuple(n for c in due for n in c.containers), because=due[0].because
        )
    return min(again, key=lambda c: c.until or 0.0, default=NOTHING)


def _pause(container: ContainerState) -> float:
    began, ended = container.started_at, container.finished_at
    long = began is not None and ended is not None and ended - began >= CALM
    return 0.0 if long else backoff(container.restarts)


def _again(container: ContainerState, now: float, pause: float) -> Care:
    ended = container.finished_at or 0.0
    due = ended + pause if ended <= now + SLACK else now
    because = f"{container.name} ended {_how(container)}"
    if due > now:
        return Care(need="nothing", because=f"{because}; back-off", until=due)
    return Care(need="start", containers=(container.name,), because=because)


def _how(container: ContainerState) -> str:
    if container.oom_killed:
        return "out of memory"
    return "and Docker won't restart it" if container.exit_code is None else f"with {container.exit_code}"


def backoff(failures: int) -> float:
    """Seconds before the next start: none for the first, then 10, 20, 40, ... up to 300."""
    return min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 10)) if failures > 0 else 0.0


def _unhealthy(spec: PodSpec, container: ContainerState) -> Care | None:
    """Its liveness or startup probe has given it up."""
    if container.live or container.state != "running":
        return None
    wanted = _spec_of(spec, container.name)
    probe = wanted and (wanted.liveness_probe if container.started else wanted.startup_probe)
    own = probe.termination_grace_period_seconds if probe else None
    grace = float(spec.termination_grace_period_seconds if own is None else own)
    kind = "liveness" if container.started else "startup"
    because = f"its {kind} probe failed" + (f": {container.probe_message}" if container.probe_message else "")
    return Care(need="restart", containers=(container.name,), grace=grace, because=because)


def _spec_of(spec: PodSpec, name: str) -> Container | None:
    return next((c for c in spec.every_container() if c.name == name), None)


def _unmade(container: ContainerState, name: str) -> str:
    return f"{name} is missing" if container.state == "absent" else f"{name} doesn't run"
