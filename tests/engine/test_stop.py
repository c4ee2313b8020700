"""A stop against an Engine whose containers are slow: grace is a promise, also when it is done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.engine.pods import grace, naming
from reconciler.engine.pods.grace import MINIMUM, Grace
from reconciler.engine.pods.stop import stop_container, stop_pod
from reconciler.errors import CallTimeout, CommandTimeout, NodeUnreachable
from reconciler.model.action import StopPod
from reconciler.model.observed import PodRecord
from tests.engine.fake_engine import Asked
from tests.engine.pods import FLEET, record

ID = "4fa6e0f0c678"


class Node(Asked):
    """Stands for an Engine with one container. `hook` is what its preStop does in the seconds that it has."""

    node = "pi-1"

    def __init__(self, one: PodRecord, hook: Callable[[float], tuple[int, bytes]]) -> None:
        self.one, self.hook = one, hook
        self.clock, self.started = 1000, "2026-11-20T12:00:00Z"
        self.volumes: dict[str, dict[str, str]] = {}
        self.hooked: list[float] = []
        self.calls: list[str] = []
        self.stops: list[int] = []
        self.hangs = False

    def call(self, method: str, path: str, **options: Any) -> Any:
        self.calls.append(f"{method} {path}")
        if (method, path) == ("POST", "/volumes/create"):
            body = options["body"]
            return {"Labels": self.volumes.setdefault(body["Name"], body["Labels"])}
        if method == "DELETE" and path.startswith("/volumes/"):
            self.volumes.pop(path.removeprefix("/volumes/"))
        if path == "/volumes":
            return {"Volumes": [{"Name": n, "Labels": found} for n, found in self.volumes.items()]}
        if path == "/containers/json":
            tags = naming.container_labels(FLEET, self.one, "app", "main")
            return [{"Id": ID, "State": "running", "Labels": tags}]
        return {"State": {"StartedAt": self.started, "Running": True}} if path.endswith("/json") else None

    def ping(self) -> int:
        return self.clock

    def exec(self, _: str, __: tuple[str, ...], seconds: float) -> tuple[int, bytes]:
        self.hooked.append(seconds)
        return self.hook(seconds)

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[Iterator[bytes]]:
        self.calls.append(f"{method} {path}")
        self.stops.append(options["params"]["t"])
        if self.hangs:
            raise CallTimeout("no answer", node="pi-1")
        yield iter(())


def hooked(seconds: int = 4) -> PodRecord:
    hook = {"preStop": {"exec": {"command": ["sleep", "1000"]}}}
    spec = {"containers": [{"name": "app", "image": "i", "lifecycle": hook}]}
    return record("web", {**spec, "terminationGracePeriodSeconds": seconds})


def never(seconds: float) -> tuple[int, bytes]:
    raise CommandTimeout(f"the command didn't end within {seconds:g} s", node="pi-1")


def lost(_: float) -> tuple[int, bytes]:
    raise NodeUnreachable("the connection broke", node="pi-1")


def stop(node: Any, seconds: float) -> None:
    action = StopPod(node="pi-1", because="", owner=None, namespace="default", pod="web", grace=seconds)
    stop_pod(node, FLEET, action)


def test_a_pre_stop_that_hangs_ends_with_its_pod() -> None:
    node = Node(hooked(), never)
    stop(node, 4)
    assert node.hooked == [pytest.approx(4, abs=1)]
    assert f"DELETE /containers/{ID}" in node.calls
    assert node.volumes == {}, "nothing of the pod is left, its marks included"


def test_a_stop_that_is_done_again_has_what_was_left() -> None:
    """The connection broke, or the reconciler was killed: the node knows since when it goes on."""
    node = Node(hooked(30), lost)
    with pytest.raises(NodeUnreachable):
        stop(node, 30)
    node.clock += 20
    with pytest.raises(NodeUnreachable):
        stop(node, 30)
    node.clock += 20
    stop(node, 30)
    assert node.hooked == [pytest.approx(30, abs=1), pytest.approx(10, abs=1)]
    assert node.stops == [MINIMUM], "preStop has had all of it; the signal still has its two seconds"


@pytest.mark.parametrize(
    ("later", "started"), [(10, "2026-11-21T00:00:00Z"), (-3600, ""), (3600, "")], ids=["run", "back", "old"]
)
def test_another_stop_begins_anew(later: int, started: str) -> None:
    """Of another run of the container; or so long ago, by whatever clock, that it was given up."""
    node = Node(hooked(30), lost)
    for _ in range(2):
        with pytest.raises(NodeUnreachable):
            stop(node, 30)
        node.clock += later
        node.started = started or node.started
    assert node.hooked == [pytest.approx(30, abs=1), pytest.approx(30, abs=1)]


def test_a_container_that_is_restarted_has_its_whole_grace_at_the_next_stop() -> None:
    node: Any = Node(hooked(), lambda _: (0, b""))
    tags = naming.container_labels(FLEET, node.one, "app", "main")
    found = {"Id": ID, "State": {"Running": True}, "Config": {"Labels": tags}}
    stop_container(node, FLEET, found, node.one, 4)
    assert node.volumes == {}


def test_without_a_pre_stop_nothing_is_kept_on_the_node() -> None:
    node = Node(record("web", {"containers": [{"name": "app", "image": "i"}]}), never)
    stop(node, 4)
    assert node.stops == [4]
    assert not any("volumes/create" in call for call in node.calls)


def test_a_stop_that_the_engine_does_not_answer_ends_in_a_kill() -> None:
    node = Node(hooked(), lambda _: (0, b""))
    node.hangs = True
    stop(node, 4)
    assert node.calls.index(f"POST /containers/{ID}/kill") < node.calls.index(f"DELETE /containers/{ID}")


def test_no_grace_is_no_signal() -> None:
    node = Node(hooked(0), never)
    stop(node, 0)
    assert (node.hooked, node.stops) == ([], [])


@pytest.mark.parametrize(
    ("seconds", "used", "signal"),
    [(30, 0, 30), (30, 26.5, 3), (30, 29.5, 2), (30, 30, 2), (30, 99, 2), (1, 0, 1), (0, 0, 0)],
)
def test_the_signals_share(seconds: float, used: float, signal: int) -> None:
    assert Grace(seconds, used).for_signal() == signal


def test_together_it_is_never_more_than_the_grace_and_the_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(grace, "monotonic", lambda: now)
    left = Grace(4)
    now += 5
    assert (left.left(), left.for_signal()) == (0, 1)
    now += 1
    assert left.for_signal() == 0, "a sidecar whose turn comes so late is killed"
