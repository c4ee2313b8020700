"""A push to the hosted repository: what the pusher reads, and what runs afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.clone import Clone, remote_lines
from tests.fleet.site import Site, until, web

pytestmark = pytest.mark.fleet


@pytest.fixture
def site(clean_lab: Lab, tmp_path: Path) -> Iterator[Site]:
    """A served fleet with a hosted repository, nothing pushed yet."""
    site = Site(clean_lab, tmp_path, source="hosted")
    with site.serve():
        yield site


def test_a_push_shows_the_rollout_to_the_pusher_until_it_has_converged(site: Site) -> None:
    said = remote_lines(Clone(site).release(web(site.image("v1"))))
    assert [p for p in said if p.startswith("start web-")], said
    assert said[-1] == "converged"
    assert site.images() == ["v1", "v1", "v1"]
    assert site.converged()


def test_a_revert_brings_back_the_pods_of_before(site: Site) -> None:
    clone = Clone(site)
    clone.release(web(site.image("v1")))
    before = {p.hash for p in site.pods()}
    clone.release(web(site.image("v2")))
    assert site.images() == ["v2", "v2", "v2"]
    clone.git("revert", "--no-edit", "HEAD")
    assert remote_lines(clone.push())[-1] == "converged"
    assert {p.hash for p in site.pods()} == before
    assert site.images() == ["v1", "v1", "v1"]


def test_an_invalid_push_is_refused_at_the_pushers_terminal_and_changes_nothing(site: Site) -> None:
    clone = Clone(site)
    clone.release(web(site.image("v1")))
    good, pods = clone.head(), site.pods()
    clone.commit(web(site.image("v2")).replace("replicas:", "replica:"))
    said = clone.push(check=False)
    assert "web.yaml:6 spec.replica:" in said and "did you mean replicas?" in said, said
    assert "pre-receive hook declined" in said
    assert clone.git("ls-remote", "origin", "refs/heads/main").stdout.split()[0] == good
    assert site.pods() == pods
    assert site.converged(good)


def test_of_ten_commits_in_two_seconds_the_newest_wins(site: Site) -> None:
    clone = Clone(site)
    clone.release(web(site.image("v1"), replicas=2))
    began = time.monotonic()
    for number in range(10):
        last = clone.commit(web(site.image(f"v{number % 2 + 2}"), replicas=2), f"commit {number}")
        clone.push("-o", "detach")
        time.sleep(max(0.0, began + (number + 1) * 0.2 - time.monotonic()))
    until(lambda: site.converged(last), "the tenth commit converges", site.log)
    assert site.images() == ["v3", "v3"]
    assert len(site.pods(everything=True)) == 2


def test_a_detached_push_returns_at_once(site: Site) -> None:
    clone = Clone(site)
    clone.commit(web(site.image("v1"), replicas=1))
    said = clone.push("-o", "detach")
    assert not [line for line in remote_lines(said) if line.startswith("start ")], said
    until(lambda: site.images() == ["v1"], "it is rolled out all the same", site.log)
