"""A node container that somebody has paused: Docker starts none that is, and none takes over from it."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.dataplane import install
from reconciler.engine.dataplane.container import NODE_ROLE, VERSION_LABEL, node_container, version
from reconciler.model import labels
from tests.engine.fake_engine import Asked

FLEET, ID = "home", "6a" * 32


class Engine(Asked):
    """Has one node container, and refuses to start it while it is paused."""

    node = "pi-1"

    def __init__(self, state: str) -> None:
        self.state = state
        self.done: list[str] = []

    def call(self, method: str, path: str, **options: Any) -> Any:
        if path == "/containers/json":
            tags = {labels.FLEET: FLEET, labels.ROLE: NODE_ROLE, VERSION_LABEL: version()}
            one = {"Id": ID, "State": self.state, "Labels": tags, "Names": [f"/{node_container(FLEET)}"]}
            return [one] if self.state != "gone" else []
        self.done.append(path.rpartition("/")[2])
        if path.endswith("/kill"):
            self.state = "exited"
        elif path.endswith("/start"):
            assert self.state != "paused"
            self.state = "running"
        elif method == "DELETE":
            self.state = "gone"
        return None


@pytest.mark.parametrize(("state", "done"), [("paused", ["kill", "start"]), ("exited", ["start"])])
def test_it_is_begun_anew(state: str, done: list[str]) -> None:
    engine: Any = Engine(state)
    install.install(engine, FLEET, {})
    assert (engine.state, engine.done) == ("running", done)


def test_it_can_be_removed() -> None:
    engine: Any = Engine("paused")
    install.remove(engine, FLEET)
    assert engine.done[:3] == ["kill", "start", "stop"]
    assert engine.state == "gone"
