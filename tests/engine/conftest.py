"""Fixtures of the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.lab import Lab
from tests.engine.pods import OnNode


@pytest.fixture(scope="module")
def node(lab: Lab) -> Iterator[OnNode]:
    """The first node of the lab, with our pod network on it, shared by the tests of a module."""
    on_node = OnNode(lab, lab.nodes[0].name)
    on_node.clean()
    on_node.prepare()
    yield on_node
    on_node.clean()
    on_node.engine.close()


@pytest.fixture
def nothing_left(node: OnNode) -> Iterator[None]:
    """The test takes away everything that it made."""
    yield
    assert node.leftovers() == []
