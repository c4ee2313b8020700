"""A reconciler that ends waits for no node: whoever still waits for its answer is told that it won't come."""

from __future__ import annotations

import threading
import time

import pytest

from reconciler.engine.dataplane.container import node_container
from reconciler.errors import NodeError
from reconciler.lab import Lab
from tests.contracts.fleets import Real, until
from tests.contracts.test_data_plane import END, prepare, publish, traffic

pytestmark = pytest.mark.fleet

ENDS_S = 10.0
"""Mostly at once. What a node container is told has a minute to come into force."""


def test_a_node_container_that_stands_still_keeps_no_reconciler_from_ending(clean_lab: Lab) -> None:
    ground = Real(clean_lab, "", network=True)
    node = ground.node()
    node.refresh()
    prepare(node)
    publish(node, traffic(node))
    ended: list[BaseException] = []

    def tell() -> None:
        try:
            publish(node, traffic(node, END))
        except BaseException as error:
            ended.append(error)

    clean_lab.docker("pi-1", "pause", node_container("contract"))
    teller = threading.Thread(target=tell)
    teller.start()
    time.sleep(1.0)
    assert teller.is_alive()
    began = time.monotonic()
    ground.close()
    took = time.monotonic() - began
    until(lambda: not teller.is_alive(), "it is told")
    clean_lab.docker("pi-1", "unpause", node_container("contract"))
    assert took < ENDS_S
    assert isinstance(ended[0], NodeError)
