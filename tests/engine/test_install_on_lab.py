"""A new node container in the place of an old one, cut off at every effect: done again, it ends the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.dataplane import install
from reconciler.engine.dataplane.container import node_container
from reconciler.engine.dataplane.plane import base
from reconciler.engine.pods import network, owned
from reconciler.engine.rendering.files import files
from reconciler.lab import Lab
from reconciler.manifests.inventory import load_fleet
from reconciler.model.action import PrepareNode
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

FLEET, SLICE = "handover", "10.42.3.0/24"
CHANGES = ("POST", "PUT", "DELETE")


class Cut(Exception):
    """The reconciler is no more."""


class Mortal:
    """An Engine that ends at its N-th effect, which is still done."""

    def __init__(self, engine: Engine, effects: int) -> None:
        self._engine, self.left = engine, effects

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._engine.call(method, path, **options)
        if method in CHANGES and not path.startswith(("/exec", "/containers/json")):
            self.left -= 1
            if self.left == 0:
                raise Cut
        return answer


@pytest.fixture
def engine(clean_lab: Lab) -> Iterator[Engine]:
    fleet = load_fleet(clean_lab.nodes_yaml)
    fleet = msgspec.structs.replace(fleet, metadata=msgspec.structs.replace(fleet.metadata, name=FLEET))
    engine = connect(fleet.spec.nodes[0])
    network.prepare(engine, fleet, PrepareNode(node="pi-1", because="it is new", owner=None, pod_cidr=SLICE))
    yield engine
    engine.close()


def told() -> dict[str, bytes]:
    from reconciler.model.fleet import NetworkSpec

    return files(base("pi-1", NetworkSpec(), SLICE), {})


def test_a_handover_that_is_cut_off_is_finished_by_the_next_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    install.install(engine, FLEET, told())
    cuts = 0
    for effects in range(1, 20):
        monkeypatch.setattr(install, "version", lambda e=effects: f"v{e}")
        mortal = Mortal(engine, effects)
        try:
            install.install(mortal, FLEET, told())  # type: ignore[arg-type]
        except Cut:
            cuts += 1
            install.install(engine, FLEET, told())
        _one_in_charge(engine)
        if mortal.left > 0:
            break
    assert cuts >= 6


def _one_in_charge(engine: Engine) -> None:
    listing = owned.list_containers(engine, FLEET)
    current = install.present(FLEET, listing)
    assert current is not None and current["State"] == "running"
    assert install.unfinished(FLEET, listing) == []
    code, said = engine.exec(current["Id"], ["/bin/busybox", "sh", "/node", "ready"])
    assert code == 0, said

    def alone() -> bool:
        others = [c for c in owned.list_containers(engine, FLEET) if c["State"] == "running"]
        return [c["Names"] for c in others] == [[f"/{node_container(FLEET)}"]]

    until(alone, "those before it have ended")
