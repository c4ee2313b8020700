"""Which private keys are offered to a node."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import cast

import paramiko
import pytest

from reconciler.engine.connection import login
from reconciler.engine.connection.address import Endpoint
from reconciler.engine.connection.login import _keys
from reconciler.errors import LoginRefused

pytestmark = pytest.mark.programs


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ssh: it may be somebody else's by now."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    endpoint = Endpoint(user="root", host="pi", port=22, identity_files=(str(key),), only_these=True)
    for mode, offered in ((0o600, True), (0o644, False), (0o640, False), (0o400, True)):
        key.chmod(mode)
        tried: list[str] = []
        assert bool(list(_keys(endpoint, tried))) == offered
        said = (
            [] if offered else [f"{key}: others may read it ({mode:04o}), so it isn't used: chmod 600 {key}"]
        )
        assert tried == said


class Sshd:
    """One that answers each key with `answer`."""

    def __init__(self, answer: Callable[[], list[str]]) -> None:
        self._answer = answer

    def auth_publickey(self, _user: str, _key: object) -> list[str]:
        return self._answer()


def refuses() -> list[str]:
    raise paramiko.AuthenticationException


def offers_only_passwords() -> list[str]:
    raise paramiko.BadAuthenticationType("no keys", ["password"])


def asks_for_more() -> list[str]:
    return ["keyboard-interactive"]


@pytest.mark.parametrize(
    ("file", "answer", "said", "remedy"),
    [
        ("good", refuses, "no key was accepted (PLACE/good: refused)", "ssh-copy-id -p 2222 me@pi`, or set"),
        ("", refuses, "no key can be offered (there is no key to try)", "make one with `ssh-keygen"),
        ("shown", refuses, "no key can be offered (PLACE/shown: others may read it (0644)", "mend that"),
        ("absent", refuses, "no key can be offered (PLACE/absent: no such file)", "mend that on"),
        ("folder", refuses, "no key can be offered (PLACE/folder: is a folder)", "mend that on"),
        ("good.pub", refuses, "good.pub: holds no private key (in OpenSSH's or a PEM form))", "mend that"),
        ("good", offers_only_passwords, "sshd offers only password", "PubkeyAuthentication yes"),
        ("good", asks_for_more, "PLACE/good was accepted, but sshd also asks for", "AuthenticationMethods"),
    ],
)  # fmt: skip
def test_the_remedy_is_for_what_was_found(
    file: str,
    answer: Callable[[], list[str]],
    said: str,
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`ssh-copy-id` is none for a key that was never offered."""
    for name in ("good", "shown"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (tmp_path / "shown").chmod(0o644)
    (tmp_path / "folder").mkdir()
    one = (str(tmp_path / file),) if file else ()
    endpoint = Endpoint(user="me", host="pi", port=2222, identity_files=one, only_these=True)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(login, "USUAL", ())
    with pytest.raises(LoginRefused) as raised:
        login.log_in("a", cast("paramiko.Transport", Sshd(answer)), endpoint)
    assert said.replace("PLACE", str(tmp_path)) in raised.value.message
    assert remedy in raised.value.remedy
