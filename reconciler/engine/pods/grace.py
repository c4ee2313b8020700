"""How long a pod that ends has left: preStop, its signal and its kill share one grace period.

Source of the rule: Kubernetes, pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer): what preStop
takes is taken from the grace period, and the signal then still gets two seconds.

Kubernetes' kubelet begins anew when it is restarted. Here a stop that was cut off, by a lost connection or by
the end of the reconciler, goes on with what was left. When it began is kept on the node, as a label of an
empty volume that goes with the pod. Only a preStop needs one: the Engine itself follows a signal up.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import owned
from reconciler.engine.pods.naming import object_labels, volume_name
from reconciler.errors import EngineError
from reconciler.model import labels
from reconciler.model.observed import PodRecord

MINIMUM = 2.0
"""Seconds for the signal where preStop used up the grace period (kubelet: minimumGracePeriodInSeconds)."""
_ABANDONED = 300.0
"""A stop that was over for so long, and the container runs, was given up: the next one is another."""
_HAIR = 0.05


class Grace:
    """What is left of `seconds`, of which `used` are over."""

    def __init__(self, seconds: float, used: float = 0.0) -> None:
        self._end = monotonic() + max(0.0, seconds - used)
        self._least = min(MINIMUM, seconds)
        self._last = self._end + self._least

    def left(self) -> float:
        """Seconds, for preStop."""
        return max(0.0, self._end - monotonic())

    def for_signal(self) -> int:
        """Whole seconds from the signal to the kill, as Docker counts. 0: kill it now."""
        now = monotonic()
        seconds = max(self._end - now, min(self._least, self._last - now))
        return max(1, int(seconds + _HAIR)) if seconds > _HAIR else 0


def used(engine: Engine, fleet: str, record: PodRecord, container_id: str, seconds: float) -> float:
    """How much of `seconds` is over since the stop of this run of a container began, by its node's clock.

    A node that can't keep that (its disk is full) isn't a reason not to stop anything.
    """
    try:
        run = str(engine.call("GET", f"/containers/{container_id}/json")["State"]["StartedAt"])
        now = engine.ping()
        began, of_run = _kept(engine, fleet, record, container_id, now, run)
        if of_run != run or not 0 <= now - began <= seconds + _ABANDONED:
            forget(engine, fleet, record, container_id)
            _kept(engine, fleet, record, container_id, now, run)
            return 0.0
    except EngineError:
        return 0.0
    return float(now - began)


def forget(engine: Engine, fleet: str, record: PodRecord, container_id: str) -> None:
    """It has stopped, and the pod goes on."""
    owned.remove_volume(engine, _name(fleet, record, container_id))


def _kept(
    engine: Engine, fleet: str, record: PodRecord, container_id: str, now: int, run: str
) -> tuple[int, str]:
    """When the stop began, and of which run. The Engine keeps the labels of a volume that is there."""
    wish: dict[str, Any] = {
        "Name": _name(fleet, record, container_id),
        "Driver": "local",
        "Labels": {**object_labels(fleet, record), labels.STOP: f"{now} {run}"},
    }
    made = engine.call("POST", "/volumes/create", body=wish)
    began, _, of_run = str((made.get("Labels") or {}).get(labels.STOP, "")).partition(" ")
    return (int(began), of_run) if began.isdecimal() else (now, "")


def _name(fleet: str, record: PodRecord, container_id: str) -> str:
    return volume_name(fleet, record.namespace, record.name, "_stop", container_id[:12])
