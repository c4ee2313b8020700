from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine.connection import userconfig
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


@pytest.mark.programs
def test_what_the_address_leaves_out_comes_from_the_users_configuration(config: UserConfig) -> None:
    path = route(spec("ssh://pi"), config)
    target = path.target
    assert (target.host, target.user, target.port) == ("192.168.1.7", "admin", 2200)
    assert target.identity_files == ("/keys/pi",)
    assert target.only_these
    assert target.known_hosts[0] == "/keys/known"
    assert target.known_as == "[192.168.1.7]:2200"
    assert target.names == ("[192.168.1.7]:2200", "192.168.1.7", "[pi]:2200")
    assert [(h.host, h.port) for h in path.hops] == [("gate", 2022), ("192.168.1.7", 2200)]


@pytest.mark.programs
def test_the_inventory_wins_over_the_users_configuration(config: UserConfig) -> None:
    path = route(spec("ssh://root@pi:22", jump="j1@a,b:23", identity_file="/mine"), config)
    assert (path.target.user, path.target.port, path.target.identity_files) == ("root", 22, ("/mine",))
    assert [(h.user, h.host, h.port) for h in path.hops[:1]] == [("j1", "a", 22)]
    assert (path.hops[1].host, path.hops[1].port) == ("b", 23)


@pytest.mark.programs
def test_jump_none_means_none(config: UserConfig) -> None:
    assert len(route(spec("ssh://pi", jump="none"), config).hops) == 1


@pytest.mark.parametrize(
    "address", ["ssh://a:b", "ssh://a@b@c", "ssh://h:0", "ssh://h:70000", "ssh://fd00::5:22:1"]
)
def test_an_address_that_is_none_is_refused_with_an_example(address: str, nothing: UserConfig) -> None:
    with pytest.raises(InventoryError, match=r"ssh://user@host:port"):
        route(spec(address), nothing)


@pytest.mark.programs
def test_a_broken_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host\x00 =\nfoo")
    with pytest.raises(InventoryError, match="config"):
        route(spec("ssh://pi"), UserConfig(tmp_path / "config"))


def configured(folder: Path, text: str, address: str = "ssh://pi", **more: str) -> Any:
    (folder / "config").write_text(text)
    return route(spec(address, **more), UserConfig(folder / "config"))


@pytest.mark.programs
def test_what_is_included_and_matched_holds(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host pi\n  HostName 192.0.2.7\n")
    text = f"""
        Include {tmp_path}/more
        Match host 192.0.2.* user admin
          Port 2200
        Match originalhost pi exec "true"
          IdentityFile /keys/%n-%h-%p-%r
          UserKnownHostsFile /known/%k
          GlobalKnownHostsFile /known/all
          IdentitiesOnly yes
    """
    target = configured(tmp_path, text, "ssh://admin@pi").target
    assert (target.host, target.port, target.user) == ("192.0.2.7", 2200, "admin")
    assert target.identity_files == ("/keys/pi-192.0.2.7-2200-admin",)
    assert target.known_hosts == ("/known/pi", "/known/all")
    assert target.only_these
    assert configured(tmp_path, text, "ssh://ops@pi").target.port == 22


@pytest.mark.programs
def test_keys_that_nobody_named_need_not_be_there(tmp_path: Path) -> None:
    assert configured(tmp_path, "Host pi\n  Port 2200\n").target.identity_files == ()
    named = configured(tmp_path, "IdentityFile ~/.ssh/id_ed25519\n").target.identity_files
    assert named == (str(Path("~/.ssh/id_ed25519").expanduser()),)


@pytest.mark.programs
def test_an_alias_for_keys_stands_without_a_port(tmp_path: Path) -> None:
    target = configured(
        tmp_path, "Host pi\n  HostName 192.0.2.7\n  Port 2200\n  HostKeyAlias our-pi\n"
    ).target
    assert (target.known_as, target.names) == ("our-pi", ("our-pi",))


@pytest.mark.programs
@pytest.mark.parametrize(
    ("text", "agent"),
    [
        ("", ""),
        ("IdentityAgent none", "none"),
        ("IdentityAgent SSH_AUTH_SOCK", ""),
        ("IdentityAgent /run/agent-%r", "/run/agent-admin"),
        ("IdentityAgent $MY_AGENT", "/run/mine"),
        ("IdentityAgent $NO_SUCH", "none"),
    ],
)
def test_which_agent_is_asked(tmp_path: Path, text: str, agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_AGENT", "/run/mine")
    assert configured(tmp_path, f"Port 22\n{text}\n", "ssh://admin@pi").target.agent == agent


@pytest.mark.programs
def test_a_jump_host_may_have_one_of_its_own(tmp_path: Path) -> None:
    text = "Host pi\n ProxyJump inner\nHost inner\n ProxyJump outer:2022\nHost other\n ProxyJump outer\n"
    path = configured(tmp_path, text)
    assert [(h.host, h.port) for h in path.hops] == [("outer", 2022), ("inner", 22), ("pi", 22)]
    path = configured(tmp_path, text, jump="a,other")
    assert [h.host for h in path.hops] == ["a", "other", "pi"], (
        "what comes second is reached through the first"
    )


@pytest.mark.programs
def test_a_circle_of_jump_hosts_is_said(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="circle"):
        configured(tmp_path, "Host pi\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a\n")


@pytest.mark.programs
def test_a_program_as_the_way_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    text = "Host pi\n ProxyCommand nc %h %p\n"
    with pytest.raises(InventoryError, match="through a program") as refused:
        configured(tmp_path, text)
    assert "ProxyJump" in refused.value.remedy
    assert len(configured(tmp_path, text, jump="none").hops) == 1


@pytest.mark.programs
def test_a_host_that_looks_like_an_option_is_none(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"Host pi\n ProxyCommand touch {tmp_path}/done\n")
    with pytest.raises(InventoryError):
        route(spec("ssh://-oProxyCommand=x"), UserConfig(tmp_path / "config"))


def test_without_an_ssh_client_the_file_is_read_here(
    config: UserConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(userconfig.subprocess, "run", absent)
    target = route(spec("ssh://pi"), config).target
    assert (target.host, target.user, target.port) == ("192.168.1.7", "admin", 2200)
    assert target.known_hosts[0] == "/keys/known"


def test_a_client_that_hangs_is_said(config: UserConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("ssh", 20.0)

    monkeypatch.setattr(userconfig.subprocess, "run", slow)
    with pytest.raises(InventoryError, match="no answer within"):
        route(spec("ssh://pi"), config)


def test_tokens_and_variables_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", "/keys")
    filled = userconfig.tokens("pi", "192.0.2.7", 22, "admin", "")
    assert (
        userconfig.expanded("${KEYS}/%r@%h:%p-%n-%k-%%-%i", filled)
        == f"/keys/admin@192.0.2.7:22-pi-pi-%-{os.getuid()}"
    )


@pytest.mark.programs
@pytest.mark.parametrize("word", ["IdentityFile", "UserKnownHostsFile", "RevokedHostKeys"])
def test_the_home_of_nobody_is_said(tmp_path: Path, word: str) -> None:
    with pytest.raises(InventoryError, match=r"[Nn]o such user"):
        configured(tmp_path, f"Host *\n {word} ~nobody.here/file\n")


@pytest.mark.programs
def test_which_keys_are_revoked(tmp_path: Path) -> None:
    found = configured(tmp_path, "Host pi\n RevokedHostKeys /etc/gone\nHost *\n RevokedHostKeys none\n")
    assert found.target.revoked_keys == "/etc/gone"
    assert configured(tmp_path, "Host *\n RevokedHostKeys none\n").target.revoked_keys == ""
