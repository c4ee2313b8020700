"""Rules about Endpoints and EndpointSlices, each alone: addresses that can be reached, ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import addresses, forms, metadata
from reconciler.manifests.said import Said
from reconciler.model.kinds import Addresses
from reconciler.model.service import (
    SERVICE_NAME_LABEL,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    SlicePort,
)


def check(item: Addresses) -> Iterator[Said]:
    if isinstance(item, Endpoints):
        yield from _subsets(item)
    else:
        yield from _slice(item)


def _subsets(item: Endpoints) -> Iterator[Said]:
    for index, subset in enumerate(item.subsets):
        at = ("subsets", index)
        if not subset.addresses and not subset.not_ready_addresses:
            yield Said((*at, "addresses"), "is missing, expected an address", "add one", rule="required")
        yield from _addresses(subset.addresses, (*at, "addresses"))
        yield from _addresses(subset.not_ready_addresses, (*at, "notReadyAddresses"))
        yield from _ports(subset.ports, (*at, "ports"))


def _addresses(given: Sequence[EndpointAddress], path: Path) -> Iterator[Said]:
    for index, address in enumerate(given):
        yield from metadata.notes(address, (*path, index))
        yield from addresses.host(address.ip, (*path, index, "ip"))
        if address.node_name:
            yield from forms.dns_name(address.node_name, (*path, index, "nodeName"))


def _slice(item: EndpointSlice) -> Iterator[Said]:
    if not item.service.name:
        message = f"names no Service: the label {SERVICE_NAME_LABEL} is missing"
        remedy = f"add the label {SERVICE_NAME_LABEL} with the Service's name"
        yield Said(("metadata", "labels"), message, remedy, rule="required")
    if item.address_type != "IPv4":
        message = f"{item.address_type} isn't supported: pods have IPv4 addresses"
        remedy = (
            "for a name use a Service of type ExternalName" if item.address_type == "FQDN" else "write IPv4"
        )
        yield Said(("addressType",), message, remedy, rule="unsupported")
        return
    for index, endpoint in enumerate(item.endpoints):
        at = ("endpoints", index)
        yield from metadata.notes(endpoint, at)
        if endpoint.node_name:
            yield from forms.dns_name(endpoint.node_name, (*at, "nodeName"))
        for number, address in enumerate(endpoint.addresses):
            yield from addresses.host(address, (*at, "addresses", number))
    yield from _ports(item.ports, ("ports",))


def _ports(ports: Sequence[EndpointPort | SlicePort], path: Path) -> Iterator[Said]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        at = (*path, index)
        yield from metadata.notes(port, at)
        if port.name:
            yield from forms.dns_label(port.name, (*at, "name"))
        if port.app_protocol:
            yield from forms.qualified(port.app_protocol, (*at, "appProtocol"))
        if port.port is None:
            yield Said((*at, "port"), "is missing, expected a number", "add it", rule="required")
        if port.protocol == "SCTP":
            message = "SCTP isn't supported: the nodes pass on TCP and UDP"
            yield Said((*at, "protocol"), message, "write TCP or UDP", rule="unsupported")
        if port.name in names:
            what = f'a second port is called "{port.name}"' if port.name else "a second port has no name"
            yield Said((*at, "name"), what, "give each the name of its Service port", rule="duplicate")
        names.add(port.name)
