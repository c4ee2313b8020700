"""What is seen of a node on which the Engine says nothing of one container: the others are seen as ever."""

from __future__ import annotations

from typing import Any

from reconciler.engine.observing.observe import ObserveCache, list_pods
from reconciler.engine.pods import naming
from reconciler.errors import CallTimeout
from tests.engine.fake_engine import Asked
from tests.engine.pods import FLEET, record

SPEC = {"containers": [{"name": "app", "image": "i"}]}


class Engine(Asked):
    """Stands for one with two pods of a container each; it has no answer to what is asked of `hung`."""

    node = "pi-1"

    def __init__(self) -> None:
        self.hung = {"b" * 64}
        self.asked: list[str] = []

    def call(self, method: str, path: str, **options: Any) -> Any:
        if path == "/volumes":
            return {}
        if path == "/containers/json":
            return [self._summary("a"), self._summary("b")]
        one = path.split("/")[2]
        self.asked.append(one[0])
        if one in self.hung:
            raise CallTimeout("no answer in time", node=self.node)
        times = {"StartedAt": "2026-11-20T12:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"}
        state = {
            "Status": "running",
            "Running": True,
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
            **times,
        }
        about = {"Config": {"Image": "i", "Labels": self._labels(one[0])}, "Image": "sha256:1"}
        return {"Id": one, "Name": f"/{one[0]}", "State": state, "Created": "2026-11-20T12:00:00Z", **about}

    def _summary(self, name: str) -> dict[str, Any]:
        about = {"Names": [f"/{name}"], "State": "running", "Status": "Up 3 hours"}
        return {"Id": name * 64, "Labels": self._labels(name), **about}

    def _labels(self, name: str) -> dict[str, str]:
        return naming.container_labels(FLEET, record(name, SPEC), "app", "main")


def test_a_container_that_hangs_is_not_its_nodes_silence() -> None:
    engine: Any = Engine()
    cache = ObserveCache()
    well, hung = list_pods(engine, FLEET, cache)
    assert well.ready
    assert not hung.ready
    assert hung.containers[0].error == "the Engine doesn't answer what is asked about it"
    list_pods(engine, FLEET, cache)
    assert engine.asked == ["a", "b"], "it isn't waited for at every listing"


def test_it_is_asked_about_again_when_something_happens_to_it() -> None:
    engine: Any = Engine()
    cache = ObserveCache()
    list_pods(engine, FLEET, cache)
    engine.hung.clear()
    cache.forget("b" * 64)
    assert all(pod.ready for pod in list_pods(engine, FLEET, cache))
