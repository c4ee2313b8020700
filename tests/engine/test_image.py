"""A pull that fails: whose failure it is."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.pods import image
from reconciler.errors import CallTimeout, ImageUnavailable


class Hanging:
    """Stands for an Engine that waits for a registry which takes the connection and says nothing."""

    node = "pi-1"

    def lines(self, *_: Any, **__: Any) -> Any:
        raise CallTimeout("no answer in time to POST /images/create", node=self.node)


def test_a_registry_that_says_nothing_is_the_images_failure() -> None:
    engine: Any = Hanging()
    with pytest.raises(
        ImageUnavailable, match=r'image "web:v1": its pull made no progress for \d+ s'
    ) as caught:
        image.pull(engine, "web:v1")
    assert "registry" in caught.value.remedy
