"""Every honoured field of the network's kinds reaches the nodes' data planes, or is judged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests.effects_of import judged
from tests.manifests.network_effects import JUDGED_ROWS, TOLD_ROWS, told
from tests.manifests.test_effects import changed


@pytest.mark.parametrize(("scene", "manifest", "path", "value"), TOLD_ROWS, ids=[row[2] for row in TOLD_ROWS])
def test_a_field_changed_alone_is_told_to_the_nodes(scene: str, manifest: Any, path: str, value: Any) -> None:
    before = told(manifest, {})
    assert set(before) == set("abcd"), scene
    assert told(manifest, {}) == before
    assert told(changed(manifest, path, value), {}) != before


@pytest.mark.parametrize(
    ("scene", "manifest", "path", "value"), JUDGED_ROWS, ids=[row[2] for row in JUDGED_ROWS]
)
def test_another_value_is_judged(scene: str, manifest: Any, path: str, value: Any) -> None:
    assert judged(changed(manifest, path, value), {}) != judged(manifest, {}), scene
