"""Rules about addresses by hand: Endpoints and EndpointSlices, and the Service that they are for."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.build import assert_only, deployment, lines, load, service

NAS = service("selector: null\nports: [{name: smb, port: 445}]", name="nas")


def endpoints(subset: str, *, name: str = "nas") -> str:
    return f"apiVersion: v1\nkind: Endpoints\nmetadata: {{name: {name}}}\nsubsets: [{subset}]\n"


def slice_of(rest: str, labels: str = "{kubernetes.io/service-name: nas}") -> str:
    head = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
    return f"{head}metadata: {{name: nas-1, labels: {labels}}}\n{rest}\n"


GOOD = "{addresses: [{ip: 10.0.0.5}], ports: [{name: smb, port: 445}]}"

SUBSETS = [
    ("{ports: [{name: smb, port: 445}]}", "subsets[0].addresses: is missing, expected an address"),
    ("{addresses: [{ip: nas.lan}], ports: [{name: smb, port: 445}]}", "subsets[0].addresses[0].ip: expected an IPv4 address"),
    ("{addresses: [{ip: 'fd00::1'}], ports: [{name: smb, port: 445}]}", "subsets[0].addresses[0].ip: expected an IPv4 address: there is no IPv6"),
    ("{addresses: [{ip: 169.254.0.5}], ports: [{name: smb, port: 445}]}", "subsets[0].addresses[0].ip: 169.254.0.5 is a link-local address"),
    ("{addresses: [{ip: 10.0.0.5}], ports: [{name: smb, port: 445, protocol: SCTP}]}", "subsets[0].ports[0].protocol: SCTP isn't supported"),
    ("{addresses: [{ip: 10.0.0.5}], ports: [{port: 445}]}", "subsets[0].ports[0].name: warning: Service default/nas has no TCP port without a name"),
    ("{addresses: [{ip: 10.0.0.5}], ports: [{name: cifs, port: 445}]}", 'subsets[0].ports[0].name: warning: Service default/nas has no TCP port called "cifs"'),
    ("{addresses: [{ip: 10.0.0.5, targetRef: {kind: Pod}}], ports: [{name: smb, port: 445}]}", "subsets[0].addresses[0].targetRef: note: has no effect"),
    (GOOD, ""),
]  # fmt: skip


@pytest.mark.parametrize(("subset", "expected"), SUBSETS)
def test_endpoints(tmp_path: Path, subset: str, expected: str) -> None:
    found = lines(load(tmp_path, NAS, endpoints(subset)))
    relevant = [line for line in found if "SCTP port" not in line]
    assert len(relevant) == bool(expected), found
    assert all(line.startswith(expected) for line in relevant)


def test_two_ports_need_names_of_their_own(tmp_path: Path) -> None:
    found = lines(
        load(tmp_path, NAS, endpoints("{addresses: [{ip: 10.0.0.5}], ports: [{port: 1}, {port: 2}]}"))
    )
    assert "subsets[0].ports[1].name: a second port has no name" in found


SLICES = [
    ("addressType: IPv6\nendpoints: [{addresses: ['fd00::1']}]", "addressType: IPv6 isn't supported"),
    ("addressType: FQDN\nendpoints: [{addresses: [nas.lan]}]", "addressType: FQDN isn't supported"),
    ("addressType: IPv4\nendpoints: [{addresses: [x]}]", "endpoints[0].addresses[0]: expected an IPv4 address"),
    ("addressType: IPv4\nendpoints: [{addresses: []}]", "endpoints[0].addresses: expected at least 1 of them"),
    ("addressType: IPv4\nports: [{name: smb}]", "ports[0].port: is missing, expected a number"),
    ("addressType: IPv4\nendpoints: [{addresses: [10.0.0.5], zone: a}]", "endpoints[0].zone: note: has no effect"),
    ("addressType: IPv4\nendpoints: [{addresses: [10.0.0.5]}]\nports: [{name: smb, port: 445, appProtocol: smb}]", "ports[0].appProtocol: note"),
    ("endpoints: []", "addressType: is missing"),
    ("addressType: IPv4\nendpoints: [{addresses: [10.0.0.5]}]\nports: [{name: smb, port: 445}]", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "expected"), SLICES)
def test_endpoint_slices(tmp_path: Path, rest: str, expected: str) -> None:
    found = [line for line in lines(load(tmp_path, NAS, slice_of(rest))) if "leads nowhere" not in line]
    assert len(found) == bool(expected), found
    assert all(line.startswith(expected) for line in found)


def test_a_slice_names_its_service(tmp_path: Path) -> None:
    found = lines(load(tmp_path, slice_of("addressType: IPv4", labels="{}")))
    assert_only(found, "metadata.labels: names no Service: the label kubernetes.io/service-name is missing")


def test_endpoints_without_a_service_are_a_note(tmp_path: Path) -> None:
    found = lines(load(tmp_path, endpoints(GOOD)))
    assert_only(found, "metadata.name: note: has no effect: there is no Service default/nas")


def test_endpoints_of_a_service_with_a_selector_are_refused(tmp_path: Path) -> None:
    found = lines(load(tmp_path, deployment(), service(name="nas"), endpoints(GOOD)))
    assert_only(found, "metadata.name: Service default/nas has a selector, which says where it leads")
