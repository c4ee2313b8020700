"""What the rest of the reconciler knows of a node. The real and the simulated one both do this."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from reconciler.model.action import (
    PrepareNode,
    Publish,
    RecordEnd,
    RemoveImages,
    RestartContainer,
    StartContainers,
    StartPod,
    StopPod,
)
from reconciler.model.desired import Contents
from reconciler.model.observed import NodeState
from reconciler.model.traffic import Counter

if TYPE_CHECKING:
    from reconciler.engine.connection.link import Stream


class Node(Protocol):
    """One node. Methods may be called from several threads; each blocks until its effect is there.

    Every effect is idempotent: repeated after a crash it completes what is missing and changes nothing
    else. Failures are `errors.NodeError`: `NodeUnreachable` for the connection, `EngineError` for a call.
    """

    name: str

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to watch: connect, list, follow events, probe; reconnect by itself. Returns at once.

        `changed` is called, from any thread, whenever `state()` has become another value.
        """

    def state(self) -> NodeState:
        """As last seen. Doesn't block. The same object as before while nothing has changed."""

    def refresh(self) -> NodeState:
        """Ask the node now, in full. Never raises: an unreachable node is a state."""

    def prepare(self, action: PrepareNode) -> None: ...

    def publish(self, action: Publish, contents: Contents) -> None:
        """Returns when the data plane does what it was told. `contents` holds the TLS Secrets."""

    def sessions(self, ip: str, seconds: float) -> int:
        """How many connections of this node's proxy to the pod at `ip` are being answered. Its word is waited
        for `seconds`, or for two where that is less.
        """

    def counters(self) -> tuple[Counter, ...]:
        """What this node's proxy has counted of each pod that it asked something, in sorted order; nothing
        where there is no proxy. Asks the node.
        """

    def dial(self, host: str, port: int, seconds: float) -> Stream:
        """A TCP connection from this node to anywhere. Raises `OSError` where nobody answers."""

    def start_pod(self, action: StartPod, contents: Contents) -> None:
        """`contents` holds the ConfigMaps and Secrets that the pod reads."""

    def start_containers(self, action: StartContainers) -> None: ...

    def restart_container(self, action: RestartContainer) -> None: ...

    def remove_images(self, action: RemoveImages) -> None: ...

    def record_end(self, action: RecordEnd) -> None: ...

    def stop_pod(self, action: StopPod) -> None:
        """Returns when nothing of the pod is left."""

    def close(self) -> None:
        """Stop watching and hang up. What runs on the node goes on."""
