"""What dies, comes back: containers, engines, nodes, links. One daemon a test, few pods, short patience."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.site import SILENT_S, Pod, Site, until, web

pytestmark = pytest.mark.fleet

QUICK = "  nodeLostAfter: 1s\n  podEvictionAfter: 1s\n"
"""Nodes count as lost after a second, and their pods move a second later."""
PATIENT = "  nodeLostAfter: 1s\n  podEvictionAfter: 1h\n"


@pytest.fixture
def site(clean_lab: Lab, tmp_path: Path) -> Callable[..., Site]:
    """A fleet whose nodes.yaml ends with `extra`, with as many pods of v1 as asked for."""

    def make(extra: str = "", replicas: int = 3) -> Site:
        site = Site(clean_lab, tmp_path, extra=extra)
        site.write(web(site.image("v1"), replicas=replicas))
        return site

    return make


def settled(site: Site, count: int = 3) -> bool:
    """Converged, with so many containers and no other one left."""
    return site.converged() and len(site.pods(everything=True)) == count == len(site.pods())


def nodes_of(pods: list[Pod]) -> list[str]:
    return sorted(p.node for p in pods)


def test_a_killed_container_runs_again(site: Callable[..., Site]) -> None:
    fleet = site()
    with fleet.serve():
        until(lambda: settled(fleet), "deployed", fleet.log)
        victim = fleet.pods()[0]
        fleet.lab.docker(victim.node, "kill", victim.id)
        until(lambda: victim in fleet.pods(), "the same container runs again", fleet.log)
        until(lambda: settled(fleet), "all is well again", fleet.log)


def test_a_removed_container_is_made_anew(site: Callable[..., Site]) -> None:
    fleet = site()
    with fleet.serve():
        until(lambda: settled(fleet), "deployed", fleet.log)
        victim = fleet.pods()[0]
        fleet.lab.docker(victim.node, "rm", "--force", victim.id)
        until(lambda: settled(fleet), "three pods again", fleet.log)
        assert victim.id not in {p.id for p in fleet.pods()}


def test_a_stopped_engine_is_said_and_once_it_is_back_its_pods_are_too(site: Callable[..., Site]) -> None:
    fleet = site(PATIENT)
    with fleet.serve():
        until(lambda: settled(fleet), "deployed", fleet.log)
        before = {p.id for p in fleet.pods()}
        fleet.lab.stop_engine("pi-2")
        until(lambda: node(fleet, "pi-2") != "Ready", "the node's state says so", fleet.log)
        # The first that is noticed may be a connection that broke.
        until(lambda: "Docker" in node_says(fleet, "pi-2"), "and what is wrong", fleet.log)
        fleet.lab.start_engine("pi-2")
        until(lambda: settled(fleet), "all is well again", fleet.log)
        assert {p.id for p in fleet.pods()} == before


def test_the_pods_of_a_killed_node_move_and_when_it_is_back_one_goes(site: Callable[..., Site]) -> None:
    """Which one depends on whether the pod that came back was ready when it was first seen again."""
    fleet = site(QUICK)
    with fleet.serve():
        until(lambda: settled(fleet), "deployed", fleet.log)
        before = {p.id for p in fleet.pods()}
        fleet.lab.kill("pi-3")
        until(lambda: node(fleet, "pi-3") == "NotReady", "it is lost", fleet.log, SILENT_S)
        until(fleet.converged, "its pod has moved", fleet.log)
        alive = {p.id for p in fleet.pods("pi-1", "pi-2")}
        assert len(alive) == 3
        fleet.lab.start("pi-3")
        until(lambda: settled(fleet), "three are left of the four", fleet.log, SILENT_S)
        assert {p.id for p in fleet.pods()} < before | alive


def test_a_rebooted_nodes_pods_come_back_while_no_reconciler_runs(site: Callable[..., Site]) -> None:
    fleet = site()
    fleet.apply()
    before = fleet.pods()
    fleet.lab.reboot("pi-1")
    until(lambda: fleet.pods() == before, "by itself")
    assert "converged" in fleet.apply().stdout
    assert fleet.pods(everything=True) == before


def test_a_cut_link_delays_that_nodes_pods_only_and_leaves_no_double(site: Callable[..., Site]) -> None:
    """New workloads and rolls go on elsewhere; the cut node's pod serves on, and is rolled in the end."""
    fleet = site(PATIENT)
    with fleet.serve():
        until(lambda: settled(fleet), "deployed", fleet.log)
        fleet.lab.cut("pi-1")
        until(lambda: node(fleet, "pi-1") == "NotReady", "it is silent", fleet.log, SILENT_S)
        (kept,) = fleet.pods("pi-1")
        fleet.write(web(fleet.image("v3"), name="other", replicas=2), "other.yaml")
        until(lambda: fleet.images().count("v3") == 2, "another workload isn't held up", fleet.log)
        fleet.write(web(fleet.image("v2")))
        until(lambda: fleet.images().count("v2") >= 2, "a roll goes on where it can", fleet.log)
        assert fleet.pods("pi-1") == [kept]
        fleet.lab.heal("pi-1")
        until(lambda: settled(fleet, 5), "whole again, and nothing twice", fleet.log, SILENT_S)
        assert fleet.images() == ["v2", "v2", "v2", "v3", "v3"]


def test_after_a_cut_longer_than_the_toleration_the_doubles_go(site: Callable[..., Site]) -> None:
    fleet = site(QUICK)
    with fleet.serve():
        until(lambda: settled(fleet), "deployed", fleet.log)
        fleet.lab.cut("pi-1")
        until(lambda: len(fleet.pods()) == 4, "its pod runs elsewhere, too", fleet.log, SILENT_S)
        until(fleet.converged, "three that can be reached", fleet.log)
        fleet.lab.heal("pi-1")
        until(lambda: settled(fleet), "one is left of the two", fleet.log, SILENT_S)


def node(site: Site, name: str) -> str:
    return next(n.state for n in site.seen().nodes if n.name == name)


def node_says(site: Site, name: str) -> str:
    return next(n.message for n in site.seen().nodes if n.name == name)
