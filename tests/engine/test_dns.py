"""A pod's name servers: Kubernetes' dnsPolicy and dnsConfig in Docker's three lists."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.engine.pods.dns import docker_dns
from reconciler.engine.pods.downward import Place
from reconciler.model.fleet import NetworkSpec
from tests.engine.pods import record

ON = Place(fleet="home", network="home_pods", dns="10.43.0.10")
OFF = Place(fleet="home", network="home_pods")
SEARCH = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]
CONFIG = {
    "nameservers": ["1.1.1.1", "10.43.0.10"],
    "searches": ["lan", "svc.cluster.local"],
    "options": [{"name": "ndots", "value": "2"}, {"name": "single-request-reopen"}],
}


def dns(place: Place, **spec: Any) -> Any:
    one = record("web", {"containers": [{"name": "app", "image": "img:1"}], **spec})
    found = docker_dns(one, place)
    return (found["Dns"], found["DnsSearch"], found["DnsOptions"]) if found else "the node's"


@pytest.mark.parametrize("policy", [{}, {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}])
def test_the_fleets_name_server_comes_first(policy: dict[str, Any]) -> None:
    assert dns(ON, **policy) == (["10.43.0.10"], SEARCH, ["ndots:5"])


def test_dns_config_is_added_to_the_fleets_settings() -> None:
    assert dns(ON, dnsConfig=CONFIG) == (
        ["10.43.0.10", "1.1.1.1"],
        [*SEARCH, "lan"],
        ["ndots:2", "single-request-reopen"],
    )


@pytest.mark.parametrize("spec", [{"dnsPolicy": "Default"}, {"hostNetwork": True}])
def test_the_nodes_own_stay_as_they_are(spec: dict[str, Any]) -> None:
    assert dns(ON, **spec) == "the node's"
    assert dns(ON, **spec, dnsConfig={"searches": ["lan"]}) == ([], ["lan"], [])


def test_none_is_dns_config_alone() -> None:
    only = {"nameservers": ["9.9.9.9"]}
    assert dns(ON, dnsPolicy="None", dnsConfig=only) == (["9.9.9.9"], ["."], [])


def test_without_a_network_of_the_fleet_there_is_no_name_server_of_it() -> None:
    assert dns(OFF) == dns(OFF, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet") == "the node's"
    assert dns(OFF, dnsConfig={"nameservers": ["1.1.1.1"]}) == (["1.1.1.1"], [], [])


def test_another_domain_and_namespace() -> None:
    place = msgspec.structs.replace(ON, domain="home.arpa")
    one = record("web", {"containers": [{"name": "app", "image": "img:1"}]}, namespace="prod")
    assert docker_dns(one, place)["DnsSearch"] == ["prod.svc.home.arpa", "svc.home.arpa", "home.arpa"]


def test_the_name_server_is_the_tenth_address_of_the_service_range() -> None:
    assert NetworkSpec().dns == "10.43.0.10"
    assert NetworkSpec(service_cidr="172.31.64.0/20").dns == "172.31.64.10"
