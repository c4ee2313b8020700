"""The node's own IP, for pods that ask for it (status.hostIP, and status.podIP with hostNetwork)."""

from __future__ import annotations

import re

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.model.observed import PodRecord

_QUESTION = "ip -4 -o route get 192.0.2.1 2>/dev/null || hostname -I"
"""Which source address the node uses towards the outside (192.0.2.1 is nobody's: RFC 5737)."""


def host_ip(engine: Engine, record: PodRecord) -> str:
    """Empty when the pod doesn't ask, so that nobody pays for the question."""
    text = msgspec.json.encode(record.spec)
    asks = b"status.hostIP" in text or (record.spec.host_network and b"status.podIP" in text)
    return _ask(engine) if asks else ""


def _ask(engine: Engine) -> str:
    _, output = engine.run(_QUESTION, 10)
    return parse(output.decode(errors="replace"))


def parse(output: str) -> str:
    """The address in what `ip route get` or `hostname -I` wrote."""
    source = re.search(r"\bsrc (\d+\.\d+\.\d+\.\d+)", output)
    if source:
        return source[1]
    first = re.search(r"\b\d+\.\d+\.\d+\.\d+\b", output)
    return first[0] if first else ""
