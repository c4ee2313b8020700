"""One container's state out of the Engine's description of it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

import msgspec

from reconciler.engine.connection.answers import Inspected, Summary
from reconciler.engine.pods.owned import epoch
from reconciler.model import labels
from reconciler.model.container import Container
from reconciler.model.observed import ContainerState, Role

_STATES = {
    "dead": "exited",
    "removing": "exited",
    # Podman's own (libpod's ContainerStatus)
    "configured": "created",
    "initialized": "created",
    "stopping": "running",
    "stopped": "exited",
}
_CODE = re.compile(r"\((\d+)\)")
_UP = re.compile(r"Up (\d+|About an?|Less than a) (second|minute|hour|day|week|month|year)")
_UNITS = {
    "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0,
    "week": 604800.0, "month": 2592000.0, "year": 31536000.0,
}  # fmt: skip
_NEW = 1.0
_DOUBT = 0.5
"""Seconds that a listing may take."""
_State = Literal["absent", "created", "running", "restarting", "exited", "paused"]


class Count(NamedTuple):
    """Restarts seen so far. The Engine counts only its own, and forgets them when somebody else starts it."""

    started_at: float | None
    engine: int
    """The Engine's number when last seen."""
    total: int


class Listed(NamedTuple):
    """What a listing said of a container: its state, and since when it runs, as far as its words tell."""

    words: str
    least_uptime: float
    """Seconds, at `at` (`time.monotonic`)."""
    at: float

    def still_holds(self, summary: dict[str, Any], now: float) -> bool:
        """Whether `summary`, listed now, is of the same run of the container."""
        words, _, most = _read(summary)
        if summary["State"] == "created":
            return False  # a start that failed leaves its error behind, and no event
        if most <= _NEW:
            return False  # it may have been restarted a moment ago: only asking tells
        return words == self.words and most + _DOUBT >= self.least_uptime + now - self.at

    def same_state(self, summary: dict[str, Any]) -> bool:
        """Whether it is in the state that it was in."""
        return _read(summary)[0] == self.words


def listed(summary: dict[str, Any], now: float) -> Listed:
    words, least, _ = _read(summary)
    return Listed(words, least, now)


def _read(summary: dict[str, Any]) -> tuple[str, float, float]:
    """State with exit code, and the bounds of the uptime in seconds (Docker: units.HumanDuration)."""
    status = summary.get("Status", "")
    code = _CODE.search(status)
    words = f"{summary['State']} {code[1] if code else ''}"
    if summary["State"] != "running" or not (up := _UP.match(status)):
        return words, 0.0, math.inf
    if up[1] == "Less than a":
        return words, 0.0, 1.0
    count = int(up[1][:9]) if up[1].isdecimal() else 1
    unit = _UNITS[up[2]]
    return words, (count - 0.5) * unit if unit > 60 else float(count * unit), (count + 1.0) * unit


def of(found: Inspected, spec: Container | None, before: Count | None) -> tuple[ContainerState, Count]:
    """Verdicts are as without a prober: with a probe not ready yet."""
    state, tags = found["State"], found["Config"].get("Labels") or {}
    started = epoch(state["StartedAt"])
    count = counted(started, found.get("RestartCount", 0), before)
    word = state_word(state["Status"], running=state["Running"])
    running = word == "running"
    value = ContainerState(
        name=tags.get(labels.CONTAINER, ""),
        role=_role(tags),
        state=word,
        id=found["Id"],
        image=found["Config"].get("Image", ""),
        image_id=found.get("Image", ""),
        exit_code=None if running or started is None else state.get("ExitCode", 0),
        oom_killed=state.get("OOMKilled", False),
        created_at=epoch(found.get("Created")),
        started_at=started,
        finished_at=epoch(state["FinishedAt"]),
        restarts=count.total,
        error=state.get("Error", ""),
    )
    return _unprobed(value, spec), count


def as_listed(summary: Summary, error: str) -> ContainerState:
    """What a listing alone says. As far as that is known, it isn't ready."""
    code = _CODE.search(summary.get("Status", ""))
    word = state_word(summary["State"], running=False)
    created = summary.get("Created")
    return ContainerState(
        name=summary["Labels"].get(labels.CONTAINER, ""),
        role=_role(summary["Labels"]),
        state=word,
        id=summary["Id"],
        image=summary.get("Image", ""),
        exit_code=min(int(code[1][:9]), 255) if code and word == "exited" else None,
        created_at=created,
        error=error,
    )


def state_word(word: str, *, running: bool) -> _State:
    """The Engine's word as one of ours. One that nobody knows says no more than whether it runs."""
    known = _STATES.get(word, word)
    if known not in get_args(_State):
        return "running" if running else "exited"
    return cast("_State", known)


def _role(tags: Mapping[str, str]) -> Role:
    role = tags.get(labels.ROLE, "main")
    return cast("Role", role) if role in get_args(Role) else "main"


def _unprobed(state: ContainerState, spec: Container | None) -> ContainerState:
    """With the verdicts that hold before any probe was tried."""
    running = state.state == "running"
    probed = spec is not None and spec.readiness_probe is not None
    delayed = spec is not None and spec.startup_probe is not None
    return msgspec.structs.replace(
        state,
        started=running and not delayed,
        ready=running and not delayed and not probed,
        known=not (running and (delayed or probed)),
    )


def counted(started: float | None, engine: int, before: Count | None) -> Count:
    """A new start is one restart more, or as many more as the Engine counted meanwhile."""
    if before is None:
        return Count(started, engine, engine)
    if started == before.started_at or before.started_at is None:
        return Count(started, engine, before.total)
    more = engine - before.engine if engine > before.engine else 1
    return Count(started, engine, before.total + more)


def without_dead_namespaces(containers: tuple[ContainerState, ...]) -> tuple[ContainerState, ...]:
    """A container that started before the sandbox's present run sits in namespaces that are gone.

    It counts as exited, so that it is started again; starting it then means restarting it.
    """
    sandbox = next((c for c in containers if c.role == "sandbox"), None)
    if sandbox is None or sandbox.started_at is None:
        return containers
    since = sandbox.started_at
    return tuple(_orphaned(c) if _is_older(c, since) else c for c in containers)


def _is_older(container: ContainerState, since: float) -> bool:
    running = container.state == "running" and container.role != "sandbox"
    return running and container.started_at is not None and container.started_at < since


def _orphaned(container: ContainerState) -> ContainerState:
    return msgspec.structs.replace(
        container,
        state="exited",
        exit_code=128,
        error="its sandbox was restarted without it",
        started=False,
        ready=False,
    )
