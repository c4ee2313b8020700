"""Rolling from one version to the next, and versions that are no good: the old pods go on serving."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.clients import clients
from tests.fleet.clone import Clone, remote_lines
from tests.fleet.site import Site, until, web

pytestmark = pytest.mark.fleet

IMPATIENT = "  progressDeadlineSeconds: 10"
"""For versions that are no good: long enough for what is wrong to show, as it is told as it is at that time.
A good one may take longer where the machine is busy.
"""


@pytest.fixture
def site(clean_lab: Lab, tmp_path: Path) -> Site:
    return Site(clean_lab, tmp_path, source="hosted")


@pytest.fixture
def served(site: Site) -> Iterator[Clone]:
    """Three pods of v1 run."""
    with site.serve():
        clone = Clone(site)
        clone.release(web(site.image("v1")))
        yield clone


def test_during_a_roll_clients_always_find_enough_pods_and_never_too_many(served: Clone) -> None:
    """Law 3 with the defaults, of three pods: maxUnavailable 25 % is none, maxSurge 25 % is one."""
    site = served.site
    with clients(site) as witness:
        served.release(web(site.image("v2")))
    assert site.images() == ["v2", "v2", "v2"]
    assert witness.bodies() == {"v1", "v2"}
    assert witness.fewest() >= 3
    assert witness.most() <= 4


def test_max_unavailable_and_no_surge_replaces_pod_by_pod(served: Clone) -> None:
    site = served.site
    strategy = "  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}"
    with clients(site) as witness:
        served.release(web(site.image("v2"), more=strategy))
    assert site.images() == ["v2", "v2", "v2"]
    assert witness.fewest() >= 2
    assert witness.most() <= 3


def test_an_image_that_does_not_exist_leaves_the_old_pods_serving_and_the_next_good_commit_heals(
    served: Clone,
) -> None:
    site = served.site
    before = site.pods()
    served.commit(web(site.image("missing"), more=IMPATIENT), "bad image")
    served.push("-o", "detach")
    until(lambda: "ErrImagePull" in {p.status for p in site.seen().pods}, "its pod says why", site.log)
    until(lambda: site.seen().standing == "failed", "the deadline passes", site.log)
    seen = site.seen()
    assert "ImagePullBackOff" in seen.why and "missing" in seen.why
    assert site.pods() == before
    assert remote_lines(served.release(web(site.image("v2"))))[-1] == "converged"
    assert site.images() == ["v2", "v2", "v2"]


def test_the_push_of_a_bad_version_ends_with_why(served: Clone) -> None:
    said = remote_lines(served.release(web(served.site.image("missing"), more=IMPATIENT)))
    assert said[-1].startswith("not converged: ") and "missing" in said[-1], said


def test_pods_that_never_get_ready_are_taken_back_and_not_tried_again(site: Site) -> None:
    """Not by the daemon that saw it fail, nor by the next one."""
    with site.serve():
        clone = Clone(site)
        clone.release(web(site.image("v1")))
        before = site.pods()
        said = remote_lines(clone.release(web(site.image("unready"), more=IMPATIENT)))
        assert said[-1].startswith("not converged: ") and "404" in said[-1], said
        until(lambda: site.pods(everything=True) == before, "only the old pods are left", site.log)
    started = site.log().count("start web-")
    with site.serve():
        until(lambda: site.seen().standing == "failed", "the failure is remembered", site.log)
        assert site.pods(everything=True) == before
    assert site.log().count("start web-") == started


def test_a_crash_loop_is_taken_back(served: Clone) -> None:
    site = served.site
    before = site.pods()
    said = remote_lines(served.release(web(site.image("broken"), more=IMPATIENT)))
    assert said[-1].startswith("not converged: ") and "CrashLoopBackOff" in said[-1], said
    assert "exited with code 3" in said[-1]
    until(lambda: site.pods(everything=True) == before, "only the old pods are left", site.log)


def test_a_bad_first_version_is_told_and_a_good_one_heals(site: Site) -> None:
    with site.serve():
        clone = Clone(site)
        said = remote_lines(clone.release(web(site.image("broken"), replicas=2, more=IMPATIENT)))
        assert said[-1].startswith("not converged: "), said
        assert remote_lines(clone.release(web(site.image("v1"), replicas=2)))[-1] == "converged"
        assert site.images() == ["v1", "v1"]
        assert len(site.pods(everything=True)) == 2
