"""The one connection to a node: made when it is needed, shared by all who need it, dropped when it broke."""

from __future__ import annotations

import threading
from collections.abc import Callable

from reconciler.engine.connection.client import Engine, connect
from reconciler.errors import NodeUnreachable
from reconciler.model.fleet import NodeSpec


class Contact:
    """Thread-safe. While one thread connects, the others wait for it."""

    def __init__(self, spec: NodeSpec, dial: Callable[[NodeSpec], Engine] = connect) -> None:
        self._spec, self._dial = spec, dial
        self._connecting = threading.Lock()
        self._engine: Engine | None = None
        self._closed = False

    def current(self) -> Engine | None:
        """The live connection, if there is one. Doesn't block."""
        engine = self._engine
        return engine if engine is not None and engine.alive else None

    def engine(self) -> Engine:
        """The live connection, made now if there is none. Raises `NodeUnreachable`, `InventoryError`."""
        with self._connecting:
            if (engine := self.current()) is not None:
                return engine
            if self._closed:
                raise NodeUnreachable("the reconciler is stopping", node=self._spec.name)
            self._hang_up()
            self._engine = self._dial(self._spec)
            return self._engine

    def drop(self, engine: Engine) -> None:
        """This one is broken: whoever still waits on it is told at once."""
        engine.close("the node has been silent for too long")

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        if (engine := self._engine) is not None:
            engine.close()
