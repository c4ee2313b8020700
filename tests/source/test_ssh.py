"""Repositories over a real sshd on the loopback: fetched with a key, and pushed to."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from reconciler.source.hosted import LOOK_S
from tests.ports import free_port
from tests.source.conftest import Work, shown, until
from tests.source.forged import delta_pack
from tests.source.hosting import BAD, GOOD, open_hosted

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="needs OpenSSH's sshd and ssh"),
]

Remote = Callable[..., RemoteRepository]


class Server:
    """An sshd of our own: its port, host key, and one key that may log in."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.key, self.known_hosts = home / "id", home / "known_hosts"
        for name in ("id", "hostkey", "stranger"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True
            )
        self.port = free_port()
        (home / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {home}/hostkey\nPidFile none\n"
            f"AuthorizedKeysFile {home}/id.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "SetEnv GIT_ALLOC_LIMIT=268435456\n"
        )
        host_key = " ".join((home / "hostkey.pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host_key}\n")
        assert SSHD is not None
        self._process = subprocess.Popen(
            [SSHD, "-D", "-f", str(home / "sshd_config"), "-E", str(home / "log")], start_new_session=True
        )
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "sshd ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where Debian's sshd wants to drop its rights
    started = Server(tmp_path / "sshd")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F none -o UserKnownHostsFile={started.known_hosts}")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield started
    started.close()


def test_fetched_with_its_key(server: Server, work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    source = remote(server.url(work.path), identity_file=str(server.key))
    assert shown(source.fetch().root) == {"a.yaml": "1"}


def test_a_key_whose_path_needs_quoting(server: Server, work: Work, remote: Remote, tmp_path: Path) -> None:
    odd = tmp_path / "it's a; key"
    shutil.copy(server.key, odd)
    odd.chmod(0o600)
    commit = work.commit({"a.yaml": "1"})
    assert remote(server.url(work.path), identity_file=str(odd)).fetch().revision.id == commit


def test_a_key_that_others_may_read_is_not_taken(server: Server, work: Work, remote: Remote) -> None:
    """By ssh itself; what to do about it is said."""
    work.commit({"a.yaml": "1"})
    server.key.chmod(0o644)
    with pytest.raises(SourceError, match="ssh doesn't take the private key: others may read it") as caught:
        remote(server.url(work.path), identity_file=str(server.key)).fetch()
    assert "chmod 600" in str(caught.value)


def test_what_a_pushed_delta_expands_to_is_held_by_what_sshd_sets(
    server: Server, work: Work, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the documents say; no hook of ours runs before git has looked at all that was sent."""
    source = open_hosted(short)
    source.prepare()
    pack, commit = delta_pack(17)
    git = ["git", "-C", str(work.path)]
    subprocess.run([*git, "index-pack", "--stdin"], input=pack, check=True, capture_output=True)
    work.git("update-ref", "refs/heads/main", commit)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{os.environ['GIT_SSH_COMMAND']} -i {server.key}")
    said = work.git("push", server.url(source.path), "main", check=False)
    assert "attempting to allocate" in said
    source.close()


def test_a_wrong_key_is_refused(server: Server, work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    with pytest.raises(SourceError, match="the server doesn't let us in"):
        remote(server.url(work.path), identity_file=str(server.key.with_name("stranger"))).fetch()


def test_an_unknown_host_key_is_refused_and_not_learned(server: Server, work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    server.known_hosts.write_text("")
    with pytest.raises(SourceError, match="host key isn't known, or has changed"):
        remote(server.url(work.path), identity_file=str(server.key)).fetch()
    assert server.known_hosts.read_text() == ""


def test_a_changed_host_key_is_refused(server: Server, work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    other = " ".join(server.key.with_name("stranger.pub").read_text().split()[:2])
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {other}\n")
    with pytest.raises(SourceError, match="host key isn't known, or has changed"):
        remote(server.url(work.path), identity_file=str(server.key)).fetch()


def test_no_such_repository_over_ssh(server: Server, tmp_path: Path, remote: Remote) -> None:
    with pytest.raises(SourceError, match="there is no such repository"):
        remote(server.url(tmp_path / "none"), identity_file=str(server.key)).fetch()


def test_a_server_that_is_off(server: Server, work: Work, remote: Remote) -> None:
    server.close()
    with pytest.raises(SourceError, match="the server can't be reached"):
        remote(server.url(work.path), identity_file=str(server.key)).fetch()


def test_pushed_to_over_ssh(
    server: Server, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hooks run in what sshd gives a command: hardly any environment."""
    hosted = open_hosted(tmp_path)
    hosted.start(lambda: None)
    try:
        ssh = f"{os.environ['GIT_SSH_COMMAND']} -o IdentitiesOnly=yes -i {server.key}"
        monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
        url = server.url(hosted.path)
        work.commit({"a.yaml": BAD})
        said = work.git("push", url, "main", check=False)
        assert "remote: a.yaml:4" in said and "pre-receive hook declined" in said
        commit = work.commit({"a.yaml": GOOD % 1})
        assert "the push is kept" in work.git("push", url, "main")
        until(lambda: (now := hosted.latest()) is not None and now.revision.id == commit, LOOK_S / 2)
    finally:
        hosted.close()
