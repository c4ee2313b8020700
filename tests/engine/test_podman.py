"""What Podman says otherwise than Docker, in Docker's own API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.engine.observing import container_state
from reconciler.engine.pods import image, nodeimage
from reconciler.errors import ImageUnavailable


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


def test_an_image_that_is_missing_is_named() -> None:
    engine: Any = Engine()
    with pytest.raises(ImageUnavailable, match='image "web:v9": manifest unknown'):
        image.pull(engine, "web:v9")
