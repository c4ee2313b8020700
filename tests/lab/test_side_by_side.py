"""Several labs at once, what a lab refuses, and labs whose owner has died."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.errors import LabError
from reconciler.lab import Lab, guard
from reconciler.lab.down import leftovers
from reconciler.manifests.inventory import load_fleet
from tests.fleet.plugin import require_lab
from tests.fleet.site import until

pytestmark = pytest.mark.fleet


@pytest.fixture(autouse=True)
def needs_a_lab() -> None:
    require_lab()


def answers(lab: Lab) -> None:
    """An engine that is asked while another lab goes may be slow to."""
    until(lambda: lab.status()[0].engine == "ready", "its engine answers", lab.status)


def test_two_that_start_at_once_get_networks_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        labs = list(pool.map(lambda name: Lab.up(name, 1, tmp_path / f"lab '{name}'"), ["a", "b"]))
    try:
        assert len({lab.state.bridge for lab in labs}) == len({lab.registry for lab in labs}) == 2
        labs[0].down()
        answers(labs[1])
        labs[1].docker("pi-1", "info")
    finally:
        for lab in labs:
            lab.down()
    assert [leftovers(lab.directory) for lab in labs] == [[], []]


def test_a_second_up_is_refused_and_does_no_harm(tmp_path: Path) -> None:
    lab = Lab.up("once", 1, tmp_path / "once")
    try:
        with pytest.raises(LabError, match=r"lab once is there already\n.*lab down --name once --dir"):
            Lab.up("once", 1, tmp_path / "once")
        answers(lab)
    finally:
        lab.down()


def test_a_directory_with_something_in_it_is_refused_and_kept(tmp_path: Path) -> None:
    precious = tmp_path / "nodes" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(LabError, match="isn't empty"):
        Lab.up("x", 1, tmp_path)
    assert precious.read_text() == "mine"


def test_what_a_person_puts_into_a_labs_directory_stays(tmp_path: Path) -> None:
    lab = Lab.up("kept", 1, tmp_path / "kept")
    (tmp_path / "kept" / "web.yaml").write_text("mine")
    lab.down()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["web.yaml"]


def test_a_start_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LabError("no")

    monkeypatch.setattr("reconciler.lab.engine.wait", refuse)
    with pytest.raises(LabError, match=r"^no$"):
        Lab.up("fails", 1, tmp_path / "fails")
    assert leftovers(tmp_path / "fails") == []


def test_nodes_yaml_is_an_inventory(lab: Lab) -> None:
    fleet = load_fleet(lab.nodes_yaml)
    assert [(node.name, node.address) for node in fleet.spec.nodes] == [
        (n.name, n.address) for n in lab.nodes
    ]
    assert fleet.spec.defaults.identity_file == str(lab.identity)
    assert fleet.spec.defaults.known_hosts_file == str(lab.known_hosts)


def test_a_lab_goes_when_its_owner_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "owned"
    code = (
        "import os, sys, pathlib; from reconciler.lab import Lab, guard, process\n"
        "place = pathlib.Path(sys.argv[1]); guard.watch(place)\n"
        "Lab.up('owned', 1, place, owner=process.token(os.getpid())); print('up', flush=True); input()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(place)], stdin=pipe, stdout=pipe) as owner:
        assert owner.stdout and owner.stdout.readline() == b"up\n"
        owner.send_signal(signal.SIGKILL)
    until(lambda: not leftovers(place) and not place.exists(), "it is gone", lambda: leftovers(place), 60)


def test_orphans_of_an_earlier_run_are_removed_and_others_are_not(tmp_path: Path) -> None:
    orphan = Lab.up("orphan", 1, tmp_path / "orphan", owner="1:0")
    kept = Lab.up("kept", 1, tmp_path / "kept")
    try:
        assert guard.remove_orphans(tmp_path) == ["orphan"]
        assert leftovers(orphan.directory) == []
        answers(kept)
    finally:
        kept.down()


def test_a_package_that_is_installed_meanwhile_leaves_nodes_their_users(tmp_path: Path) -> None:
    """With /etc/passwd, which it replaces, the kernel takes away what is mounted over that file anywhere."""
    (tmp_path / "etc").mkdir()
    program = [sys.executable, str(Path(__file__).with_name("replacing.py")), str(tmp_path / "etc")]
    argv = ["unshare", "--mount", *program, str(tmp_path / "lab")]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=200, check=False)
    assert (ended.stdout, ended.returncode) == ("pi\n", 0), ended.stderr
    assert leftovers(tmp_path / "lab") == []
