"""What Podman says otherwise than Docker, in Docker's own API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.engine.observing import container_state
from reconciler.engine.pods import fill, image, nodeimage
from reconciler.engine.pods.pod import DockerPod
from reconciler.engine.pods.volumes import DockerVolume
from reconciler.errors import ImageUnavailable
from reconciler.model import labels
from tests.engine.pods import FLEET, record


class Engine:
    """Has these images, and its registry has none."""

    node = "pi-1"

    def __init__(self, *tags: str) -> None:
        self._tags = tags

    def call(self, *_: Any, **__: Any) -> Any:
        return [{"RepoTags": [tag]} for tag in self._tags]

    def lines(self, *_: Any, **__: Any) -> Iterator[Any]:
        raise ImageUnavailable("manifest unknown: manifest unknown", node="pi-1")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("configured", "created"),
        ("initialized", "created"),
        ("stopping", "running"),
        ("stopped", "exited"),
        ("dead", "exited"),
        ("a word to come", "exited"),
    ],
)
def test_every_word_for_a_state_is_one_of_ours(word: str, state: str) -> None:
    assert container_state.state_word(word, running=False) == state


def test_the_node_image_is_found_under_the_name_that_podman_gives_it() -> None:
    there: Any = Engine("localhost/reconciler-node:abc")
    assert nodeimage.present(there) == "reconciler-node:abc"
    others: Any = Engine("localhost/other:1", "registry.example.net/reconciler-node:x")
    assert nodeimage.present(others) == ""


class Filled:
    """Notes what is done to fill volumes. Podman mounts them into containers that run, and into no others."""

    node = "pi-1"

    def __init__(self, *, is_podman: bool) -> None:
        self.is_podman = is_podman
        self.done: list[str] = []

    def call(self, method: str, path: str, **_: Any) -> Any:
        self.done.append(path.rpartition("/")[2])
        mountpoint = {"Mountpoint": "/volumes/c", "Labels": {labels.FLEET: FLEET}}
        return mountpoint if path == "/volumes/create" else []

    def upload(self, container: str, directory: str, tar: bytes) -> None:
        self.done.append("upload")


@pytest.mark.parametrize(
    ("is_podman", "done"), [(True, ["sleep 120", "start", "upload"]), (False, ["", "upload"])]
)
def test_volumes_are_filled_where_they_are_mounted(
    monkeypatch: pytest.MonkeyPatch, is_podman: bool, done: list[str]
) -> None:
    @contextmanager
    def helper(engine: Any, fleet: str, pod: Any, mounts: Any, script: str = "", **_: Any) -> Iterator[str]:
        engine.done.append(script)
        yield "helper"

    monkeypatch.setattr(fill, "helper", helper)
    monkeypatch.setattr(fill.owned, "list_containers", lambda *_, **__: [])
    engine: Any = Filled(is_podman=is_podman)
    spec = {"containers": [{"name": "app", "image": "i"}]}
    volume = DockerVolume(name="c", mode=0o777)
    pod = DockerPod(record=record("web", spec), containers=(), volumes=(volume,))
    fill.prepare(engine, pod, FLEET)
    assert engine.done == ["create", *done]


def test_an_image_that_is_missing_is_named() -> None:
    engine: Any = Engine()
    with pytest.raises(ImageUnavailable, match='image "web:v9": manifest unknown'):
        image.pull(engine, "web:v9")
