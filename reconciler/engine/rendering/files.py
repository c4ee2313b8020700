"""Everything that a node's data plane reads, by its path below /net.

The order of the sections of haproxy.cfg is for readers; nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from reconciler.engine.rendering.backends import backends, write
from reconciler.engine.rendering.basis import BASIS
from reconciler.engine.rendering.dns import dnsmasq, externals, hosts
from reconciler.engine.rendering.frontends import frontends, maps
from reconciler.engine.rendering.ingress import (
    CERTIFICATE_LIST,
    certificate_list,
    file_name,
    ingress,
    ingress_maps,
)
from reconciler.engine.rendering.lines import lines
from reconciler.engine.rendering.nat import nat
from reconciler.engine.rendering.network import network
from reconciler.model.traffic import NodeTraffic


def files(traffic: NodeTraffic, certificates: Mapping[str, bytes]) -> dict[str, bytes]:
    """`certificates`: PEM (chain, then key) by `namespace/secret`; those that no route needs are left out."""
    used = {
        f"{one.namespace}/{one.secret}": file_name(one)
        for one in (traffic.ingress.certificates if traffic.ingress else ())
        if f"{one.namespace}/{one.secret}" in certificates
    }
    texts = {
        **haproxy(traffic, frozenset(used)),
        "hosts": hosts(traffic),
        "dnsmasq.conf": dnsmasq(traffic),
        "externals": externals(traffic),
        "nat.rules": nat(traffic),
        "network": network(traffic),
    }
    return {
        **{path: text.encode() for path, text in texts.items()},
        **{path: certificates[name] for name, path in used.items()},
        "state.json": msgspec.json.encode(traffic),
    }


def haproxy(traffic: NodeTraffic, certificates: frozenset[str]) -> dict[str, str]:
    """What HAProxy reads but the certificates themselves; `certificates` are the names of those that there
    are.
    """
    sections = [
        BASIS,
        lines(frontends(traffic)),
        lines(ingress(traffic, certificates)),
        *(lines(write(backend)) for backend in backends(traffic)),
    ]
    found = {"haproxy.cfg": "\n".join(section for section in sections if section)}
    found |= {f"maps/{name}.map": text for name, text in {**maps(traffic), **ingress_maps(traffic)}.items()}
    if certificates:
        found[CERTIFICATE_LIST] = certificate_list(traffic, certificates)
    return found
