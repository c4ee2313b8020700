"""The Rollouts of docs/examples: each is loaded, planned, and brought from one version to the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.manifests.desired import desired
from reconciler.manifests.load import load_tree
from reconciler.model.delivery import Order, Verb
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.model.revision import Revision
from reconciler.decide.analysis import after_measurement
from reconciler.decide.delivery.orders import ordered
from tests.decide.delivery.course import fleet_of
from tests.laws.world import World

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
NUMBERS = '{"canary": {"errorRate": %s}, "stable": {"errorRate": 0.0}}'


class Delivered(World):
    """One file of the examples on two simulated nodes. `errors` is what is measured of the canary."""

    def __init__(self, name: str, errors: float = 0.0) -> None:
        self.text = (EXAMPLES / name).read_text()
        self.of, self.errors, self.seen = fleet_of(), errors, set[tuple[str, Mapping[str, float]]]
        super().__init__(self.version("v1"))
