"""The settings that the node container's script reads: lines that a shell can source."""

from __future__ import annotations

import shlex

from reconciler.engine.rendering.frontends import gateway
from reconciler.engine.rendering.lines import lines
from reconciler.model.traffic import NodeTraffic


def network(traffic: NodeTraffic) -> str:
    overlay = traffic.overlay
    settings = {
        "POD_RANGE": traffic.pod_range,
        "POD_CIDR": traffic.pod_cidr,
        "GATEWAY": gateway(traffic),
        "SERVICE_RANGE": traffic.service_range,
        "DNS": traffic.dns,
        "DOMAIN": traffic.domain,
        "ADDRESS": overlay.address,
        "PEERS": " ".join(overlay.peers),
        "VXLAN_ID": str(overlay.vxlan_id),
        "VXLAN_PORT": str(overlay.vxlan_port),
        "MTU": str(overlay.mtu),
    }
    return lines(f"{key}={_quoted(value)}" for key, value in settings.items())


def _quoted(value: str) -> str:
    """Always in quotes, so that a script's reader sees where a value ends."""
    quoted = shlex.quote(value)
    return quoted if quoted.startswith("'") else f"'{quoted}'"
