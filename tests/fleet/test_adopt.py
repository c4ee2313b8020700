"""The reconciler itself: another machine takes over, a second is refused, stops are clean, keys matter."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from reconciler.lab import Lab
from tests.fleet.clone import Clone
from tests.fleet.site import Site, until, web

pytestmark = pytest.mark.fleet


def births(site: Site) -> list[str]:
    """Every container of ours: its whole ID, when it was created and when it was last started."""
    row = "{{.Id}} {{.Created}} {{.State.StartedAt}} {{.RestartCount}}"
    return [site.lab.docker(p.node, "inspect", "--format", row, p.id) for p in site.pods(everything=True)]


def test_a_new_control_machine_adopts_the_fleet_without_one_restart(clean_lab: Lab, tmp_path: Path) -> None:
    """The same Git and key; another directory, no state, no history, nothing of the old machine."""
    old = Site(clean_lab, tmp_path / "old", source="hosted")
    with old.serve():
        clone = Clone(old)
        clone.release(web(old.image("v1")), "one")
        clone.release(web(old.image("v2")), "two")
    before = births(old)
    new = Site(clean_lab, tmp_path / "new", source="hosted")
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", str(old.bare), str(new.bare)], check=True, timeout=30
    )
    with new.serve():
        until(lambda: new.converged(clone.head()), "adopted", new.log)
        assert not re.search(r"loop: (start|stop|restart|prepare) ", new.log()), new.log()
        assert births(new) == before
        clone.git("remote", "set-url", "origin", str(new.bare))
        clone.release(web(old.image("v3")), "three")
        assert new.images() == ["v3", "v3", "v3"]


def test_a_second_reconciler_is_refused_politely_and_changes_nothing(clean_lab: Lab, tmp_path: Path) -> None:
    site = Site(clean_lab, tmp_path)
    site.write(web(site.image("v1"), replicas=1))
    with site.serve() as daemon:
        until(site.converged, "deployed", site.log)
        site.write(web(site.image("v1"), replicas=2))
        second = site.apply(check=False)
        assert second.returncode == 1
        assert f"pid {daemon.pid}" in second.stderr and "reconciler status" in second.stderr
        assert "Traceback" not in second.stderr


def test_sigterm_in_the_middle_of_a_roll_stops_cleanly_and_the_next_one_goes_on(
    clean_lab: Lab, tmp_path: Path
) -> None:
    site = Site(clean_lab, tmp_path)
    site.write(web(site.image("v1"), replicas=4))
    with site.serve():
        until(site.converged, "deployed", site.log)
        slowly = "  minReadySeconds: 3"  # on a busy machine, too, it isn't over when it is seen to have begun
        site.write(web(site.image("v2"), replicas=4, more=slowly))
        until(lambda: "v2" in site.images(), "the roll has begun", site.log)
    assert "Traceback" not in site.log()
    halted = site.images()
    assert "v1" in halted, "it was stopped in the middle"
    assert len(halted) >= 3, "a quarter of four may be missing, no more"
    with site.serve():
        until(lambda: site.converged() and site.images() == ["v2"] * 4, "it goes on", site.log, 90)
        assert len(site.pods(everything=True)) == 4


def test_a_daemon_that_is_killed_leaves_nothing_in_the_way_of_the_next(
    clean_lab: Lab, tmp_path: Path
) -> None:
    site = Site(clean_lab, tmp_path, source="hosted")
    with site.serve() as daemon:
        clone = Clone(site)
        clone.release(web(site.image("v1")))
        clone.commit(web(site.image("v2")))
        clone.push("-o", "detach")
        until(lambda: "v2" in site.images(), "the roll has begun", site.log)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(10)
    with site.serve():
        until(lambda: site.converged() and site.images() == ["v2"] * 3, "it goes on", site.log)
        assert len(site.pods(everything=True)) == 3


def test_a_changed_host_key_is_refused_said_in_status_and_delays_that_node_only(
    clean_lab: Lab, tmp_path: Path
) -> None:
    site = Site(clean_lab, tmp_path, extra="  nodeLostAfter: 1s\n")
    site.write(web(site.image("v1")))
    site.apply()
    before = site.pods()
    site.inventory.write_text(site.inventory.read_text().replace(str(clean_lab.known_hosts), forged(site)))
    site.write(web(site.image("v2"), name="other", replicas=2), "other.yaml")
    with site.serve():
        until(lambda: site.images().count("v2") == 2, "two nodes will do", site.log)
        until(lambda: silent(site, "pi-1", "host key"), "it is said", lambda: site.run("status").stdout)
    assert [p for p in site.pods() if p.image.endswith("v1")] == before


def silent(site: Site, node: str, why: str) -> bool:
    """Whether status says so of a node; on a busy machine it may fail by a time limit first."""
    shown = site.run("status", check=False).stdout
    row = next(line for line in shown.splitlines() if line.startswith(f"{node} "))
    return "NotReady" in row and why in row


def forged(site: Site) -> str:
    """A known_hosts file in which pi-1 has the key of pi-2."""
    first, second, *rest = site.lab.known_hosts.read_text().splitlines()
    file = site.root / "known_hosts"
    file.write_text("\n".join([f"{first.split(' ')[0]} {second.split(' ', 1)[1]}", second, *rest, ""]))
    return str(file)


def test_a_key_that_no_node_takes_is_said_for_each_node_and_nothing_is_done(
    clean_lab: Lab, tmp_path: Path
) -> None:
    site = Site(clean_lab, tmp_path, env={"SSH_AUTH_SOCK": ""})
    key = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=10)
    site.inventory.write_text(site.inventory.read_text().replace(str(clean_lab.identity), str(key)))
    site.write(web(site.image("v1"), replicas=1))
    began = time.monotonic()
    done = site.run("apply", "--timeout", "5s", check=False)
    assert done.returncode == 1
    assert time.monotonic() - began < 50, "it gave up by itself"
    for name in ("pi-1", "pi-2", "pi-3"):
        until(partial(silent, site, name, "key"), f"it is said of {name}")
    assert not site.pods(everything=True)
