"""What is known of a proxy that couldn't be told something: enough to let no pod end behind its back."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from reconciler.engine.dataplane import plane as module
from reconciler.engine.dataplane.container import NODE_ROLE, VERSION_LABEL, node_container, version
from reconciler.engine.dataplane.plane import Plane
from reconciler.engine.rendering.form import form
from reconciler.errors import EngineError
from reconciler.model import labels
from reconciler.model.traffic import NodeTraffic
from tests.engine.rendering.samples import endpoint, service, traffic

FLEET = "home"
ENGINE: Any = SimpleNamespace(node="pi-1")
BOTH = traffic(service(endpoint("web-1", "10.42.1.5"), endpoint("web-2", "10.42.1.6")))
ONE = traffic(service(endpoint("web-1", "10.42.1.5", state="draining"), endpoint("web-2", "10.42.1.6")))
MORE = msgspec.structs.replace(
    BOTH, services=(*BOTH.services, service(endpoint("api-1", "10.42.1.9"), name="api", ip="10.43.0.9"))
)


class Said:
    """Stands for every session with a node container; which of its parts fail is for a test to say."""

    fails: frozenset[str] = frozenset()
    kept = BOTH
    whole = True
    asked: tuple[str, ...] = ()

    def __init__(self, engine: object, container: str) -> None:
        self.container, self.usable = container, True

    def _do(self, what: str) -> None:
        Said.asked = (*Said.asked, what)
        if what in Said.fails:
            raise EngineError(f"its node container: {what}: write error: No space left", node="pi-1")

    def state(self) -> tuple[str, bytes, tuple[str, ...]]:
        self._do("state")
        return form() if Said.whole else "", msgspec.json.encode(Said.kept), ()

    def hand_over(self, files: dict[str, bytes], dropped: list[str]) -> None:
        self.files = files

    def steer(self) -> None:
        self._do("steer")

    def commit(self, *, reload: bool) -> None:
        self._do(f"commit {'reload' if reload else 'run'}")

    def complaints(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        self.usable = False


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> type[Said]:
    monkeypatch.setattr(module, "Session", Said)
    Said.fails, Said.kept, Said.whole, Said.asked = frozenset(), BOTH, True, ()
    return Said


def listing(container: str = "c1", of: str = "") -> list[dict[str, Any]]:
    tags = {labels.FLEET: FLEET, labels.ROLE: NODE_ROLE, VERSION_LABEL: of or version()}
    return [{"Id": container, "State": "running", "Labels": tags, "Names": [f"/{node_container(FLEET)}"]}]


def made(of: str = "") -> Plane:
    plane = Plane(FLEET, lambda: 1000.0)
    plane.look(ENGINE, listing(of=of), full=True)
    return plane


def refused(plane: Plane, wanted: NodeTraffic) -> None:
    with pytest.raises(EngineError):
        plane.publish(ENGINE, wanted, {})


def test_steered_it_sends_nothing_to_who_goes_though_it_could_not_keep_that(said: type[Said]) -> None:
    plane = made()
    said.fails = frozenset({"commit run"})
    refused(plane, ONE)
    standing = plane.standing
    assert (standing.data_plane, standing.traffic) == ("stale", BOTH), "a restart would undo it"
    assert (standing.uncertain, standing.untold_since) == ((ONE,), None)
    refused_too = traffic(service(endpoint("web-2", "10.42.1.6")))
    said.fails = frozenset({"commit reload"})
    refused(plane, refused_too)
    assert plane.standing.uncertain == (refused_too,), "the next one is steered from there"
    said.fails = frozenset()
    plane.publish(ENGINE, ONE, {})
    assert (plane.standing.traffic, plane.standing.uncertain) == (ONE, ())
    assert said.asked[-1] == "commit reload", "what was cut short before is in force, too"


def test_what_it_may_be_doing_is_all_that_it_was_told_since_it_did_it_surely(said: type[Said]) -> None:
    plane = made()
    said.fails = frozenset({"steer", "commit run", "commit reload"})
    for wanted in (ONE, traffic()):
        refused(plane, wanted)
    assert plane.standing.uncertain == (BOTH, ONE, traffic())
    assert plane.standing.untold_since == 1000.0


def test_what_takes_a_reload_is_not_done_by_steering(said: type[Said]) -> None:
    plane = made()
    said.fails = frozenset({"commit reload"})
    refused(plane, MORE)
    assert plane.standing.uncertain == (BOTH, MORE)


def test_a_container_of_an_older_version_is_not_steered(said: type[Said]) -> None:
    plane = made(of="older")
    plane.publish(ENGINE, ONE, {})
    assert "steer" not in said.asked
    assert plane.standing.traffic == ONE


def test_one_that_cannot_be_asked_may_still_do_what_it_did(said: type[Said]) -> None:
    plane = made()
    assert plane._session is not None
    plane._session.close()
    said.fails = frozenset({"state"})
    plane.look(ENGINE, listing(), full=False)
    assert (plane.standing.traffic, plane.standing.uncertain) == (None, (BOTH,))
    assert plane.standing.untold_since == 1000.0
    said.fails = frozenset()
    plane.look(ENGINE, listing(), full=True)
    assert (plane.standing.traffic, plane.standing.uncertain, plane.standing.untold_since) == (BOTH, (), None)


def test_telling_it_something_holds_no_look_at_its_node_up(
    said: type[Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs takes a minute to be given up: its node's pods are seen and started meanwhile."""
    plane = made()
    looked: list[bool] = []

    def commit(session: Said, *, reload: bool) -> None:
        thread = threading.Thread(target=lambda: plane.look(ENGINE, listing(), full=True), daemon=True)
        thread.start()
        thread.join(30)
        looked.append(not thread.is_alive())

    monkeypatch.setattr(said, "commit", commit)
    plane.publish(ENGINE, ONE, {})
    assert looked == [True]
    assert plane.standing.traffic == ONE


def test_one_that_was_restarted_does_what_it_has_kept(said: type[Said]) -> None:
    plane = made()
    said.fails = frozenset({"steer", "commit run"})
    refused(plane, ONE)
    said.fails, said.whole = frozenset(), False
    plane.look(ENGINE, listing("c2"), full=False)
    assert (plane.standing.data_plane, plane.standing.traffic) == ("stale", BOTH)
    assert plane.standing.uncertain == ()
