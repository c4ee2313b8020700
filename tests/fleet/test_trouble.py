"""Troubles of one node or one manifest: said in `status`, hammered by nobody, gone when their cause is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.site import Site, until, web

pytestmark = pytest.mark.fleet

NO_SUCH_PROGRAM = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  progressDeadlineSeconds: 15
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      initContainers: [{{name: first, image: {image}, command: ["true"]}}]
      containers: [{{name: web, image: {image}, command: [nosuch]}}]
"""


def test_a_node_whose_pod_network_clashes_says_so_and_the_others_work(clean_lab: Lab, tmp_path: Path) -> None:
    site = Site(clean_lab, tmp_path)
    clean_lab.docker("pi-1", "network", "create", "--subnet", "10.42.7.0/24", "mine")
    site.write(web(site.image("v1")))
    began = time.monotonic()
    with site.serve():
        until(lambda: len(site.pods()) == 2, "two nodes work", site.log)
        words = ("failed to prepare pi-1", 'network "mine"', "podCIDR")
        until(lambda: all(word in site.run("status").stdout for word in words), "it is said", site.log)
        rested(site, "failed to prepare pi-1", began)
        clean_lab.docker("pi-1", "network", "rm", "mine")
        until(site.converged, "it is tried again", site.log, 90)
    assert len(site.pods("pi-1")) == 1


def test_a_program_that_is_not_in_its_image_is_said_behind_init_containers_too(
    clean_lab: Lab, tmp_path: Path
) -> None:
    site = Site(clean_lab, tmp_path)
    site.write(NO_SUCH_PROGRAM.format(image=site.image("v1")))
    began = time.monotonic()
    with site.serve():
        until(lambda: site.seen().standing == "failed", "its deadline passes", site.log, 60)
        assert "RunContainerError" in site.seen().why and '"nosuch"' in site.seen().why
        rested(site, "failed to start", began)
        site.write(web(site.image("v1"), replicas=1))
        until(site.converged, "a good one heals", site.log)
    assert site.images() == ["v1"] and len(site.pods(everything=True)) == 1


def test_a_full_disk_is_said_and_once_there_is_room_the_pod_runs(clean_lab: Lab, tmp_path: Path) -> None:
    site = Site(clean_lab, tmp_path)
    others = "      nodeName: pi-3\n"
    with tiny_disk(clean_lab, "pi-3", site.image("v1")) as disk:
        clean_lab.exec("pi-3", ["sh", "-c", f"dd if=/dev/zero of={disk}/ballast bs=64k 2>/dev/null; true"])
        site.write(web(site.image("v1"), replicas=1, container=others))
        with site.serve():
            until(lambda: any("no space left" in line for line in told(site)), "it is said", site.log)
            clean_lab.exec("pi-3", ["rm", f"{disk}/ballast"])
            until(site.converged, "there is room", site.log, 90)
        assert [p.node for p in site.pods()] == ["pi-3"]


def rested(site: Site, failure: str, began: float) -> None:
    """Between its tries, of which the pauses double: after 0, 1, 3, 7, 15 ... seconds."""
    tries, seconds = site.log().count(failure), time.monotonic() - began
    assert tries <= 3 + math.log2(seconds + 1), f"{tries} tries within {seconds:.1f} s"


def told(site: Site) -> list[str]:
    seen = site.seen()
    return [seen.why, *seen.failing, *(p.message for p in seen.pods)]


@contextmanager
def tiny_disk(lab: Lab, name: str, image: str) -> Iterator[Path]:
    """The node's Docker lives on a disk of its own of 48 MB, with one image on it."""
    disk = lab.node(name).directory / "docker"
    lab.stop_engine(name)
    lab.exec(name, ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(disk)])
    lab.start_engine(name)
    lab.docker(name, "pull", "--quiet", image)
    try:
        yield disk
    finally:
        if found := lab.docker(name, "ps", "--all", "--quiet").split():
            lab.docker(name, "rm", "--force", *found)
        lab.stop_engine(name)
        # Who used it ends, and lets go of it, a moment after the engine.
        until(lambda: lab.exec(name, ["umount", str(disk)], check=False).returncode == 0, "it is let go of")
        lab.start_engine(name)
