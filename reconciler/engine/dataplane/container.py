"""The node container as Docker is to make it. Pure.

One per node, on the host's network, restarted by Docker: whatever it needs lies in its volume, so after a
reboot it works without the reconciler.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from reconciler.engine.node_image.build import recipe
from reconciler.engine.pods.naming import container_name
from reconciler.model import labels

NODE_ROLE = "node"
"""The ROLE label of the container."""
RETIRED = "_retired"
VERSION_LABEL = "reconciler.io/node-version"


def node_container(fleet: str) -> str:
    """Its name. No pod's: their second part is a namespace, which is never empty."""
    return container_name(fleet, "", "node", "").rstrip("_")


def replaced_container(fleet: str, container_id: str) -> str:
    """The name of one in whose place another is to stand."""
    return f"{node_container(fleet)}_{container_id[:12]}"


def retired_container(fleet: str, container_id: str) -> str:
    """Its name once it knows: it only finishes what is open."""
    return replaced_container(fleet, container_id) + RETIRED


def node_volume(fleet: str) -> str:
    return node_container(fleet)


def version() -> str:
    """Changes when the image or the way it is run does (12 hex digits)."""
    form = msgspec.json.encode(body("", ""), order="deterministic")
    return sha256(recipe().encode() + form).hexdigest()[:12]


def body(fleet: str, image: str) -> dict[str, Any]:
    """The body of POST /containers/create, without the version's label."""
    return {
        "Image": image,
        "Entrypoint": ["/bin/busybox", "sh", "/node"],
        "Cmd": ["run"],
        "Labels": {labels.FLEET: fleet, labels.ROLE: NODE_ROLE},
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "HostConfig": {
            "NetworkMode": "host",
            "UsernsMode": "host",  # an engine with userns-remap would refuse the host's network otherwise
            "RestartPolicy": {"Name": "always"},
            "CapDrop": ["ALL"],
            "CapAdd": [
                "NET_ADMIN",  # VXLAN, routes, iptables, HAProxy's transparent binds
                "NET_RAW",  # iptables' sockets, ping
                "NET_BIND_SERVICE",
                "SETUID",  # HAProxy and dnsmasq give up root
                "SETGID",
                "CHOWN",
                "DAC_OVERRIDE",
                "KILL",
                "SYS_CHROOT",
            ],
            "SecurityOpt": ["no-new-privileges"],
            "Mounts": [{"Type": "volume", "Source": node_volume(fleet), "Target": "/net"}],
            "Tmpfs": {"/run": ""},  # what it is told comes into force also where the disk is full
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
        },
    }
