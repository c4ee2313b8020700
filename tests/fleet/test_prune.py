"""What no manifest wants any more goes; what was never ours, or looks like an accident, stays (law 5)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.site import Site, until, web

pytestmark = pytest.mark.fleet


@pytest.fixture
def site(clean_lab: Lab, tmp_path: Path) -> Site:
    """Two workloads of one pod each run."""
    site = Site(clean_lab, tmp_path)
    site.write(web(site.image("v1"), replicas=1))
    site.write(web(site.image("v2"), name="other", replicas=1), "other.yaml")
    site.apply()
    assert site.images() == ["v1", "v2"]
    return site


def test_a_workload_that_left_the_source_goes_and_the_others_stay(site: Site) -> None:
    (stays,) = [p for p in site.pods() if p.image.endswith("v1")]
    (site.apps / "other.yaml").unlink()
    said = site.apply().stdout
    assert "no manifest of" in said and "wants Deployment default/other" in said, said
    assert site.pods(everything=True) == [stays]


def test_a_source_that_is_empty_by_surprise_prunes_nothing_and_says_how_to_permit_it(site: Site) -> None:
    before = site.pods(everything=True)
    for file in site.apps.iterdir():
        file.unlink()
    said = site.apply(check=False)
    assert "not pruned" in said.stdout + said.stderr and "allowEmpty" in said.stdout + said.stderr
    assert site.pods(everything=True) == before


def test_with_leave_an_empty_source_removes_everything(site: Site) -> None:
    for file in site.apps.iterdir():
        file.unlink()
    site.apply("--allow-empty")
    assert site.pods(everything=True) == []
    for node in site.lab.nodes:
        assert site.lab.docker(node.name, "volume", "ls", "--quiet") == ""


def test_a_source_that_cannot_be_read_prunes_nothing(site: Site) -> None:
    """The directory goes away under a running daemon, and comes back with another wish."""
    with site.serve():
        until(site.converged, "nothing to do", site.log)
        before = site.pods(everything=True)
        away = site.root / "away"
        site.apps.rename(away)
        until(lambda: site.seen().source_error != "", "it is said", site.log)
        assert str(site.apps) in site.seen().source_error
        assert site.pods(everything=True) == before
        away.rename(site.apps)
        site.write(web(site.image("v3"), replicas=1))
        until(lambda: site.images() == ["v2", "v3"], "it goes on", site.log)


def test_apply_of_a_source_that_is_not_there_changes_nothing_and_fails(site: Site) -> None:
    before = site.pods(everything=True)
    shutil.rmtree(site.apps)
    done = site.apply(check=False)
    assert done.returncode == 1
    assert str(site.apps) in done.stderr
    assert site.pods(everything=True) == before


def test_an_invalid_manifest_holds_back_the_whole_revision(site: Site) -> None:
    before = site.pods(everything=True)
    (site.apps / "web.yaml").unlink()
    site.write("kind: Deployment\n", "other.yaml")
    done = site.apply(check=False)
    assert done.returncode == 1
    assert "other.yaml:1" in done.stderr
    assert site.pods(everything=True) == before


def test_foreign_containers_and_volumes_are_left_alone(site: Site) -> None:
    """Without labels, of another fleet, with a name that looks like ours; also while all of ours go."""
    sleeper = f"{site.lab.registry}/sleeper:v1"
    strangers = [
        ("--name", "unlabelled"),
        (
            "--name",
            "neighbour",
            "--label",
            "reconciler.io/fleet=another",
            "--label",
            "reconciler.io/pod=web-1",
        ),
        (
            "--name",
            f"{site.fleet}_default_web-abc-0_web",
        ),
    ]
    for options in strangers:
        site.lab.docker("pi-1", "run", "--detach", *options, sleeper)
    site.lab.docker("pi-1", "volume", "create", "--label", "reconciler.io/fleet=another", "kept")
    before = listing(site)
    for file in site.apps.iterdir():
        file.unlink()
    site.apply("--allow-empty")
    assert site.pods(everything=True) == []
    assert listing(site) == before


def listing(site: Site) -> list[str]:
    """Containers that aren't the fleet's, with their start, and every volume, of pi-1."""
    rows = site.lab.docker(
        "pi-1", "ps", "--all", "--format", '{{.Names}} {{.State}} {{.Label "reconciler.io/fleet"}}'
    )
    mine = f" {site.fleet}"
    names = [row.split(" ")[0] for row in rows.splitlines() if not row.endswith(mine)]
    started = site.lab.docker("pi-1", "inspect", "--format", "{{.Name}} {{.State.StartedAt}}", *names)
    return [*sorted(started.splitlines()), *site.lab.docker("pi-1", "volume", "ls", "--quiet").split()]
