"""The lab's parts that are pure: addresses, accounts, state, the inventory's text."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import LabError
from reconciler.lab import accounts, inventory, network, process
from reconciler.lab.state import LabState, directory_of, load, save, state_root
from reconciler.manifests.inventory import load_fleet
from tests.fleet.site import until

STATE = LabState(name="lab", directory=Path("/x/lab"), subnet="10.77.3", bridge="rlab3", count=3)


def test_state_survives_the_disk(tmp_path: Path) -> None:
    state = LabState(name="a", directory=tmp_path, subnet="10.77.0", bridge="rlab0", count=2, owner="1:2")
    save(state)
    assert load(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == ["lab.json"]


def test_the_default_place_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert directory_of("web") == Path("/var/state/reconciler/lab/web")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # the specification: must be absolute, else ignored
    assert state_root() == Path.home() / ".local/state/reconciler/lab"


@given(st.integers(1, 240), st.integers(0, 511))
def test_interface_names_fit_the_kernel(index: int, number: int) -> None:
    state = LabState(name="n", directory=Path("/x"), subnet="10.77.0", bridge=f"rlab{number}", count=index)
    assert len(network.link_name(state, state.nodes[-1])) <= 15
    assert ipaddress.ip_address(state.nodes[-1].ip)


def test_a_bridges_address_is_the_labs_own_and_local() -> None:
    one, two = (network.hardware_address(Path(path)) for path in ("/x/a", "/x/b"))
    assert one != two
    assert one.startswith("02:") and len(one.split(":")) == 6


def test_networks_in_use_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [ipaddress.IPv4Network("10.77.0.0/17"), ipaddress.IPv4Network("10.77.128.7/32")]
    monkeypatch.setattr(network, "taken_networks", lambda: taken)
    assert network.subnet_candidates()[0] == ("rlab129", "10.77.129")


def test_no_network_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        network,
        "taken_networks",
        lambda: [ipaddress.IPv4Network("0.0.0.0/1"), ipaddress.IPv4Network("128.0.0.0/1")],
    )
    with pytest.raises(LabError, match=r"every network .* is in use here\n  name one: --subnet"):
        network.subnet_candidates()


def test_a_subnet_that_another_lab_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "10.99.4.1/32", "10.99.4.0/24")]
    monkeypatch.setattr(network, "taken_networks", lambda: taken)
    with pytest.raises(LabError, match=r"--subnet 10.99.4.0/24: .* in use on this machine"):
        network.subnet_candidates("10.99.4.0/24")
    assert network.subnet_candidates("10.99.5.0/24")[0] == ("rlab0", "10.99.5")


def test_a_subnet_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "taken_networks", list)
    assert network.subnet_candidates("10.99.4.0/24")[:2] == [("rlab0", "10.99.4"), ("rlab1", "10.99.4")]


@pytest.mark.parametrize("subnet", ["10.99.4.0/16", "10.99.4.1/24", "web", "10.99.4.0"])
def test_a_subnet_that_is_none(subnet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "taken_networks", list)
    with pytest.raises(LabError, match=r"--subnet .*\n  write it as 10.99.0.0/24"):
        network.subnet_candidates(subnet)


def test_a_locked_root_can_log_in_by_key() -> None:
    assert accounts.shadow("root:!:1:0:9:7:::\nme:$6$x:1:0:9:7:::\n").splitlines() == [
        "me:$6$x:1:0:9:7:::",
        "root:*:19000:0:99999:7:::",
        "pi:*:19000:0:99999:7:::",
    ]


def test_root_has_a_home_of_its_own_and_keeps_its_shell() -> None:
    found = accounts.passwd(
        "root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000::/home/me:/bin/sh\n"
    ).splitlines()
    assert found[:2] == ["root:x:0:0:root:/run/root:/bin/bash", "me:x:1000:1000::/home/me:/bin/sh"]


def test_the_docker_group_keeps_its_number_and_gets_the_user() -> None:
    found = accounts.group("root:x:0:\ndocker:x:998:me\n").splitlines()
    assert found == ["root:x:0:", "pi:x:61077:", "docker:x:998:pi"]
    assert accounts.group("root:x:0:\n").splitlines()[-1] == "docker:x:61078:pi"


def test_nodes_yaml_reads_back_whatever_the_path(tmp_path: Path) -> None:
    place = tmp_path / 'it\'s: a "lab" #1'
    place.mkdir()
    state = LabState(name="lab", directory=place, subnet="10.77.3", bridge="rlab3", count=2)
    path = inventory.nodes_yaml(place)
    path.write_text(inventory.text(state))
    fleet = load_fleet(path)
    assert [node.address for node in fleet.spec.nodes] == [
        "ssh://root@10.77.3.11:22",
        "ssh://root@10.77.3.12:22",
    ]
    assert {node.identity_file for node in fleet.spec.nodes} == {str(place / "identity")}


@pytest.mark.programs
def test_a_process_is_found_by_its_mark_alone(tmp_path: Path) -> None:
    child = process.spawn(["sleep", "60"], tmp_path, "sleeper", tmp_path / "log")
    try:
        until(lambda: process.find(tmp_path) == [child.pid], "it is the program that it shall become")
        assert process.find(tmp_path, "sleeper") == [child.pid]
        assert process.find(tmp_path, "other") == process.find(tmp_path / "x") == []
        process.kill(tmp_path / "x", [child.pid])  # not that lab's
        assert child.poll() is None
        process.kill(tmp_path, [child.pid])
        assert child.wait(30) == -9
    finally:
        child.kill()


@pytest.mark.programs
def test_an_owner_is_known_by_its_start_time_too() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = process.token(child.pid)
    assert process.is_alive(owner)
    assert not process.is_alive(f"{child.pid}:1")
    child.communicate()
    assert not process.is_alive(owner)
    assert process.is_alive(process.token(os.getpid()))
