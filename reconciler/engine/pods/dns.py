"""Which name servers a pod asks, where it searches and how: `dnsPolicy` and `dnsConfig`. Pure.

Source of the rules: Kubernetes, pkg/kubelet/network/dns (GetPodDNS, appendDNSConfig).
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.engine.pods.downward import Place
from reconciler.model.base import Value
from reconciler.model.observed import PodRecord
from reconciler.model.pod import PodDNSConfig, PodSpec

NDOTS = "ndots:5"
"""Kubernetes: a name with fewer dots is looked for in the search list first."""


class _Settings(Value):
    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def docker_dns(record: PodRecord, place: Place) -> dict[str, list[str]]:
    """`Dns`, `DnsSearch` and `DnsOptions` of HostConfig; what is left out or empty is the node's own.

    What `dnsConfig` says is added to the fleet's settings. Beside the node's it takes their place, each kind
    by itself: the Engine has no way of adding. Under None the node's search list is out even when there is no
    other ("." to the Engine).
    """
    spec = record.spec
    config = spec.dns_config or PodDNSConfig()
    if asks_the_fleet(spec) and place.dns:
        settings = _added(_of_fleet(record.namespace, place), config)
    elif spec.dns_config is None:
        return {}
    else:
        settings = _added(_Settings(), config)
    nowhere = (".",) if spec.dns_policy == "None" else ()
    return {
        "Dns": list(settings.servers),
        "DnsSearch": list(settings.searches or nowhere),
        "DnsOptions": list(settings.options),
    }


def asks_the_fleet(spec: PodSpec) -> bool:
    """Kubernetes: ClusterFirst on the host's network means Default."""
    if spec.dns_policy == "ClusterFirst":
        return not spec.host_network
    return spec.dns_policy == "ClusterFirstWithHostNet"


def _of_fleet(namespace: str, place: Place) -> _Settings:
    services = f"svc.{place.domain}"
    searches = (f"{namespace}.{services}", services, place.domain)
    return _Settings(servers=(place.dns,), searches=searches, options=(NDOTS,))


def _added(first: _Settings, config: PodDNSConfig) -> _Settings:
    return _Settings(
        servers=_once((*first.servers, *config.nameservers)),
        searches=_once((*first.searches, *config.searches)),
        options=_overridden(first.options, config),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _overridden(options: Iterable[str], config: PodDNSConfig) -> tuple[str, ...]:
    """The last of a name holds."""
    held = {option.partition(":")[0]: option for option in options}
    for option in config.options:
        held[option.name] = option.name if option.value is None else f"{option.name}:{option.value}"
    return tuple(held.values())
