from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.engine.connection.address import UserConfig, route
from reconciler.errors import InventoryError
from reconciler.model.fleet import NodeSpec

CONFIG = """
Host pi
  HostName 192.168.1.7
  User admin
  Port 2200
  IdentityFile /keys/pi
  IdentitiesOnly yes
  ProxyJump gate:2022
  UserKnownHostsFile /keys/known
"""


def spec(address: str, jump: str = "", identity_file: str = "") -> NodeSpec:
    return NodeSpec(name="pi-1", address=address, jump=jump, identity_file=identity_file)


@pytest.fixture
def nothing(tmp_path: Path) -> UserConfig:
    return UserConfig(tmp_path / "absent")


@pytest.fixture
def config(tmp_path: Path) -> UserConfig:
    (tmp_path / "config").write_text(CONFIG)
    return UserConfig(tmp_path / "config")


def test_an_address_in_full(nothing: UserConfig) -> None:
    target = route(spec("ssh://ops@10.0.0.5:2222"), nothing).target
    assert (target.user, target.host, target.port) == ("ops", "10.0.0.5", 2222)
    assert target.known_as == "[10.0.0.5]:2222"


def test_ipv6_goes_in_brackets(nothing: UserConfig) -> None:
    target = route(spec("ssh://root@[fd00::5]"), nothing).target
    assert (target.host, target.port, target.known_as) == ("fd00::5", 22, "fd00::5")


def test_what_the_address_leaves_out_comes_from_the_users_configuration(config: UserConfig) -> None:
    path = route(spec("ssh://pi"), config)
    target = path.target
    assert (target.host, target.user, target.port) == ("192.168.1.7", "admin", 2200)
    assert target.identity_files == ("/keys/pi",)
    assert target.only_these
    assert target.known_hosts[0] == "/keys/known"
    assert target.known_as == "[pi]:2200"
    assert [(h.host, h.port) for h in path.hops] == [("gate", 2022), ("192.168.1.7", 2200)]


def test_the_inventory_wins_over_the_users_configuration(config: UserConfig) -> None:
    path = route(spec("ssh://root@pi:22", jump="j1@a,b:23", identity_file="/mine"), config)
    assert (path.target.user, path.target.port, path.target.identity_files) == ("root", 22, ("/mine",))
    assert [(h.user, h.host, h.port) for h in path.hops[:1]] == [("j1", "a", 22)]
    assert (path.hops[1].host, path.hops[1].port) == ("b", 23)


def test_jump_none_means_none(config: UserConfig) -> None:
    assert len(route(spec("ssh://pi", jump="none"), config).hops) == 1


@pytest.mark.parametrize(
    "address", ["ssh://a:b", "ssh://a@b@c", "ssh://h:0", "ssh://h:70000", "ssh://fd00::5:22:1"]
)
def test_an_address_that_is_none_is_refused_with_an_example(address: str, nothing: UserConfig) -> None:
    with pytest.raises(InventoryError, match=r"ssh://user@host:port"):
        route(spec(address), nothing)


def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host\x00 =\nfoo")
    with pytest.raises(InventoryError, match="config"):
        route(spec("ssh://pi"), UserConfig(tmp_path / "config"))
