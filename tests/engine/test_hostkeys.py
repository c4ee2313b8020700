from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.engine.connection.address import Endpoint
from reconciler.engine.connection.hostkeys import HostKey, Trust, pinned, trusted
from reconciler.errors import HostKeyRefused, InventoryError

KEY = HostKey(
    "ssh-ed25519", base64.b64decode("AAAAC3NzaC1lZDI1NTE5AAAAIOuHm0/DB8/rimmTXAgG9X1j0E4ozOngEEOBCsgt7AFg")
)
OTHER = HostKey(
    "ssh-ed25519", base64.b64decode("AAAAC3NzaC1lZDI1NTE5AAAAIOlOG7oeLODyvkAsnN3+bnYrZMvL7txs13cglPwPdJ9l")
)


def endpoint(*files: Path) -> Endpoint:
    return Endpoint(host="10.0.0.5", port=2222, user="root", known_hosts=tuple(map(str, files)))


def test_the_fingerprint_is_ssh_keygens() -> None:
    assert KEY.fingerprint == "SHA256:/e0g9hW1Jc7OYzhQBwjBNck0UU/DR+d1ybhnlYDS6fI"


@pytest.mark.parametrize("text", [KEY.line, f"10.0.0.5 {KEY.line}", f"# mine\n{KEY.line} root@pi\n\n"])
def test_a_pinned_key_may_have_its_host_or_a_comment(text: str) -> None:
    assert pinned("pi-1", text) == (KEY,)


@pytest.mark.parametrize("text", ["hello", "ssh-ed25519 !!!", "ssh-ed25519"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InventoryError, match="not a host key"):
        pinned("pi-1", text)


def test_an_unknown_key_is_refused_with_its_fingerprint_and_the_command_that_pins_it() -> None:
    with pytest.raises(HostKeyRefused) as raised:
        Trust((), "known_hosts").check("pi-1", "10.0.0.5", KEY)
    assert KEY.fingerprint in str(raised.value)
    assert "reconciler nodes trust pi-1" in str(raised.value)


def test_a_changed_key_is_refused_with_both_fingerprints() -> None:
    with pytest.raises(HostKeyRefused, match="CHANGED") as raised:
        Trust((OTHER,), "nodes.yaml").check("pi-1", "10.0.0.5", KEY)
    assert KEY.fingerprint in str(raised.value)
    assert OTHER.fingerprint in str(raised.value)


def test_the_pinned_key_is_the_whole_truth(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"[10.0.0.5]:2222 {KEY.line}\n")
    assert trusted("pi-1", endpoint(file), OTHER.line).keys == (OTHER,)
    assert trusted("pi-1", endpoint(file), OTHER.line, last=False).keys == (KEY,)
    assert trusted("pi-1", endpoint(file), "").keys == (KEY,)


@pytest.mark.programs
def test_hashed_known_hosts_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"[10.0.0.5]:2222 {KEY.line}\n[10.0.0.6]:2222 {OTHER.line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True, timeout=10)
    assert "10.0.0.5" not in file.read_text()
    assert trusted("pi-1", endpoint(file), "").keys == (KEY,)


def test_a_missing_file_knows_nobody(tmp_path: Path) -> None:
    assert trusted("pi-1", endpoint(tmp_path / "absent"), "").keys == ()


@pytest.mark.parametrize(
    ("names", "known"),
    [
        ("[10.0.0.5]:2222", True),
        ("10.0.0.5", True),
        ("pi,10.0.0.5,other", True),
        ("10.0.0.*", True),
        ("10.0.?.5", True),
        ("*,![10.0.0.5]:2222,!10.0.0.5", False),
        ("[10.0.0.5]:2223", False),
        ("10.0.0.50", False),
        ("@cert-authority 10.0.0.5", False),
        ("|1|bm9z|bm9oYXNo", False),
        ("|1|!!|", False),
    ],
)
def test_which_lines_are_about_a_host(tmp_path: Path, names: str, known: bool) -> None:
    file = tmp_path / "known"
    file.write_text(
        f"# 10.0.0.5 {OTHER.line}\n\n10.0.0.5 ssh-ed25519 !!!\n10.0.0.5\n{names} {KEY.line} a comment\n"
    )
    assert trusted("pi-1", endpoint(file), "").keys == ((KEY,) if known else ())


def test_every_file_counts(tmp_path: Path) -> None:
    mine, all_of_us = tmp_path / "mine", tmp_path / "all"
    mine.write_text(f"10.0.0.5 {KEY.line}\n")
    all_of_us.write_text(f"10.0.0.5 {OTHER.line}\n")
    assert trusted("pi-1", endpoint(mine, all_of_us), "").keys == (KEY, OTHER)


def test_a_revoked_key_is_refused_though_it_is_known(tmp_path: Path) -> None:
    file = tmp_path / "known"
    file.write_text(f"10.0.0.5 {KEY.line}\n@revoked * {KEY.line}\n")
    with pytest.raises(HostKeyRefused, match="revoked"):
        trusted("pi-1", endpoint(file), "").check("pi-1", "10.0.0.5", KEY)


@pytest.mark.parametrize("text", ["{0}\n", "# gone\n{0} somebody@example.net\n", "not a key\n{0}\n"])
def test_a_key_in_the_file_of_revoked_ones_is_refused_though_it_is_known(tmp_path: Path, text: str) -> None:
    known, revoked = tmp_path / "known", tmp_path / "revoked"
    known.write_text(f"10.0.0.5 {KEY.line}\n10.0.0.5 {OTHER.line}\n")
    revoked.write_text(text.format(KEY.line))
    trust = trusted("pi-1", replace(endpoint(known), revoked_keys=str(revoked)), "")
    with pytest.raises(HostKeyRefused, match=f"revoked in {known} or {revoked}"):
        trust.check("pi-1", "10.0.0.5", KEY)
    trust.check("pi-1", "10.0.0.5", OTHER)


@pytest.mark.parametrize(("data", "says"), [(None, "can't be read"), (b"SSHKRL\n\0\0\0\0\1", "binary list")])
def test_nothing_is_trusted_beside_a_list_of_revoked_keys_that_is_not_read(
    tmp_path: Path, data: bytes | None, says: str
) -> None:
    revoked = tmp_path / "revoked"
    if data is not None:
        revoked.write_bytes(data)
    with pytest.raises(InventoryError, match=says):
        trusted("pi-1", replace(endpoint(tmp_path / "known"), revoked_keys=str(revoked)), "")


def test_the_remedy_for_an_unknown_jump_host_is_a_line_that_works(tmp_path: Path) -> None:
    file, gate = tmp_path / "known", endpoint(tmp_path / "known")
    with pytest.raises(HostKeyRefused) as refused:
        trusted("pi-1", gate, OTHER.line, last=False).check("pi-1", gate.known_as, KEY)
    remedy = refused.value.remedy
    assert str(file) in remedy
    file.write_text(remedy.rpartition(": ")[2] + "\n")
    trusted("pi-1", gate, OTHER.line, last=False).check("pi-1", gate.known_as, KEY)
