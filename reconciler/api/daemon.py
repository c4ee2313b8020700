"""What the API needs to know of the reconciler that it speaks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from reconciler.api.follow import Followers
from reconciler.api.metrics import Metrics
from reconciler.model.delivery import Order
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState
from reconciler.record.deliveries import DeliveryStatus
from reconciler.record.overview import Overview

Verify = Callable[[Mapping[str, str], bytes], str | None]
"""(headers, body) of a webhook -> None when its signature is right, else why it isn't."""


class Daemon(Protocol):
    """Every method may be called from the API's thread and must not block on a node."""

    @property
    def followers(self) -> Followers: ...

    @property
    def metrics(self) -> Metrics: ...

    def overview(self) -> Overview:
        """As of the last pass."""

    def observed(self) -> tuple[NodeState, ...]:
        """The nodes as of the last pass; empty before the first."""

    def objects(self) -> dict[str, Any]:
        """A Kubernetes `List` of every object that people see, as of the last pass."""

    def rollouts(self, about: Key | None = None) -> tuple[DeliveryStatus, ...] | None:
        """Everything that is delivered step by step, or this one alone, as of the last pass.

        None while no revision is being carried out.
        """

    def order(self, order: Order) -> Future[str]:
        """Carry it out in the next pass; answered when that pass is over."""

    def healthy(self) -> tuple[bool, str]:
        """Whether the loop runs, and one line about it. A fleet in trouble is not an unhealthy daemon."""

    def wake(self) -> None:
        """Fetch and decide again now."""
