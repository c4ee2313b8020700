"""A container that its Engine can never start again is removed, so that it is made anew."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.pods import naming
from reconciler.engine.pods.start import start_containers
from reconciler.errors import Conflict, ContainerFailed, EngineError, StartFailed
from reconciler.model.action import StartContainers
from tests.engine.fake_engine import Asked
from tests.engine.pods import FLEET, record

ID = "6a" * 32
POD = record("web", {"containers": [{"name": "app", "image": "i"}]})
START = StartContainers(
    node="pi-1", because="x", owner=POD.owner, namespace="default", pod="web", containers=("app",)
)


class Engine(Asked):
    node = "pi-1"

    def __init__(self, error: EngineError) -> None:
        self.error = error
        self.removed: list[str] = []

    def call(self, method: str, path: str, **options: Any) -> Any:
        tags = naming.container_labels(FLEET, POD, "app", "main")
        if method == "DELETE":
            self.removed.append(path)
        elif path.endswith("/start"):
            raise self.error
        elif path == "/containers/json":
            return [{"Id": ID, "State": "exited", "Labels": tags}]
        state = {"Running": False, "Status": "exited"}
        return {"Id": ID, "Name": "/web", "State": state, "Config": {"Labels": tags}}


@pytest.mark.parametrize("kind", [ContainerFailed, Conflict])
def test_a_task_that_was_left_behind_costs_its_container(kind: type[EngineError]) -> None:
    engine: Any = Engine(kind(f"task {ID}: already exists", node="pi-1"))
    with pytest.raises(StartFailed, match="it was removed, and is made anew"):
        start_containers(engine, FLEET, START)
    assert engine.removed == [f"/containers/{ID}"]


def test_any_other_failure_costs_nothing() -> None:
    engine: Any = Engine(ContainerFailed("no such program", node="pi-1"))
    with pytest.raises(StartFailed, match="no such program"):
        start_containers(engine, FLEET, START)
    assert engine.removed == []
