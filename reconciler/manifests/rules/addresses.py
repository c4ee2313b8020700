"""Rules about addresses and networks as text: IPv4 only, and none that can't be a host's."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_network

from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown


def host(text: str, path: Path) -> Iterator[Said]:
    """Kubernetes: ValidateNonSpecialIP; and IPv4, since pods have no other."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        kind = "an IPv4 address" if ":" not in text else "an IPv4 address: there is no IPv6 here"
        yield Said(path, f"expected {kind}, found {shown(text)}", "write it as 10.0.0.1", rule="address")
        return
    for word, special in (
        ("unspecified", address.is_unspecified),
        ("a loopback address", address.is_loopback),
        ("a link-local address", address.is_link_local),
        ("a multicast address", address.is_multicast),
    ):
        if special:
            message = f"{text} is {word}, where nothing can be reached"
            yield Said(path, message, "write a host's own address", rule="address")


def network4(text: str, path: Path) -> Iterator[Said]:
    """Kubernetes: a CIDR; bits behind the prefix are allowed, as Go's parser does."""
    try:
        IPv4Network(text.strip(), strict=False)
        good = "/" in text
    except ValueError:
        good = False
    if not good:
        message = f"expected an IPv4 network, found {shown(text)}"
        yield Said(path, message, "write it as 192.168.0.0/16", rule="address")


def is_network(text: str) -> bool:
    """An address or a network of either family. A zone (`fe80::1%eth0`) may hold anything, and is none."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "%" not in text
