"""A repository of our own: real pushes, real hooks, and a daemon that only answers the hooks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec, HostedSource, NodeSpec, SourceSpec
from reconciler.source.hosted import SOCKET, HostedRepository
from tests.source.conftest import Work, shown, until

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '%s'}\n"
BAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: [1]}\n"


def fleet_with(path: Path, **fields: str) -> Fleet:
    hosted = HostedSource(path=str(path), **fields)
    node = NodeSpec(name="pi-1", address="ssh://root@192.0.2.1")
    return Fleet(
        api_version="reconciler.io/v1",
        kind="Fleet",
        metadata=FleetMeta(name="home"),
        spec=FleetSpec(nodes=(node,), source=SourceSpec(hosted=hosted)),
    )


def open_hosted(home: Path, **fields: str) -> HostedRepository:
    fleet = fleet_with(home / "fleet.git", **fields)
    assert fleet.spec.source.hosted is not None
    return HostedRepository(fleet, fleet.spec.source.hosted, home / "cache")


@pytest.fixture
def hosted(short: Path) -> Iterator[HostedRepository]:
    source = open_hosted(short)
    source.prepare()
    yield source
    source.close()


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: a Unix socket's path has 107 bytes at most."""
    return tmp_path_factory.mktemp("h")


@pytest.fixture
def clone(work: Work, hosted: HostedRepository) -> Work:
    work.git("remote", "add", "origin", str(hosted.path))
    return work


class Daemon:
    """Answers /wake and /follow as the real one does; `lines` is what it tells of every commit."""

    def __init__(self, door: Path, lines: list[str], hold: threading.Event | None = None) -> None:
        self.asked: list[str] = []
        self.hung_up = threading.Event()
        self._lines, self._hold = lines, hold
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(door))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link:
            request = link.recv(4096).decode().split("\r\n")[0]
            self.asked.append(request)
            if "/wake" in request:
                link.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
                return
            link.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            for line in self._lines:
                link.sendall(f"{line}\n".encode())
            if self._hold is not None:
                self._hold.wait(20)
                try:
                    for _ in range(500):
                        link.sendall(b"more\n" * 1000)
                        time.sleep(0.02)
                except OSError:
                    self.hung_up.set()

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def daemon(hosted: HostedRepository) -> Iterator[Callable[..., Daemon]]:
    started: list[Daemon] = []

    def start(lines: list[str], hold: threading.Event | None = None) -> Daemon:
        started.append(Daemon(hosted.path / SOCKET, lines, hold))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_before_the_first_push_it_says_how_to_push(hosted: HostedRepository) -> None:
    with pytest.raises(SourceError, match='nothing has been pushed to the branch "main" yet') as caught:
        hosted.fetch()
    assert f"git push ssh://THIS-MACHINE{hosted.path} HEAD:main" in str(caught.value)


def test_a_push_shows_the_rollout_until_it_converged(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon]
) -> None:
    served = daemon(["start web-1 on pi-1: wanted", "web: converged, 1 of 1", "exit: 0"])
    commit = clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main")
    assert "remote: start web-1 on pi-1: wanted" in said
    assert "remote: converged" in said
    assert served.asked[-2:] == ["POST /wake HTTP/1.0", f"GET /follow/{commit} HTTP/1.0"]
    snapshot = hosted.fetch()
    assert snapshot.revision.id == commit
    assert shown(snapshot.root) == {"a.yaml": GOOD % 1}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["exit: 1 web: progress deadline exceeded"], "not converged: web: progress deadline exceeded"),
        (["exit: 1 superseded by 1234567"], "not converged: superseded by 1234567"),
        (["start web-1"], "the reconciler was stopped; the push is kept"),
    ],
)
def test_a_rollout_that_fails_is_told_and_the_push_stays(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon], lines: list[str], said: str
) -> None:
    daemon(lines)
    commit = clone.commit({"a.yaml": GOOD % 1})
    assert f"remote: {said}" in clone.git("push", "origin", "main")
    assert hosted.fetch().revision.id == commit


def test_detached_it_returns_at_once(clone: Work, daemon: Callable[..., Daemon]) -> None:
    served = daemon([], hold=threading.Event())
    clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "-o", "detach", "origin", "main")
    assert "remote: detached" in said
    assert not any("/follow" in line for line in served.asked)
    assert served.asked[-1] == "POST /wake HTTP/1.0"


def test_without_a_daemon_the_push_is_kept_and_it_says_so(clone: Work, hosted: HostedRepository) -> None:
    commit = clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main")
    assert "remote: the reconciler isn't running here; the push is kept" in said
    assert hosted.fetch().revision.id == commit


def test_a_dead_daemons_socket_is_no_daemon(clone: Work, hosted: HostedRepository) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(hosted.path / SOCKET))
    left.close()
    clone.commit({"a.yaml": GOOD % 1})
    assert "isn't running here" in clone.git("push", "origin", "main")


def test_a_bad_push_is_refused_with_every_error(clone: Work, hosted: HostedRepository) -> None:
    good = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    clone.commit(
        {"a.yaml": BAD, "b/c.yaml": "kind: Nonsense\napiVersion: v1\n", "d.yaml": "a: [\n"}, "Break it"
    )
    said = clone.git("push", "origin", "main", check=False)
    assert "remote: a.yaml:4" in said
    assert "remote: b/c.yaml" in said
    assert "remote: d.yaml:" in said
    assert "Break it has 3 errors; nothing was changed" in said
    assert "pre-receive hook declined" in said
    assert hosted.fetch().revision.id == good
    objects = subprocess.run(
        ["git", "-C", str(hosted.path), "cat-file", "-e", clone.git("rev-parse", "HEAD")], check=False
    )
    assert objects.returncode, "a refused push leaves no objects behind"


def test_paths_in_errors_are_those_of_the_pusher(short: Path, work: Work) -> None:
    source = open_hosted(short, folder="./fleet", branch="trunk")
    source.prepare()
    work.commit({"fleet/a.yaml": BAD, "other/x.yaml": "not: [ours"})
    said = work.git("push", str(source.path), "main:trunk", check=False)
    assert "remote: fleet/a.yaml:4" in said
    assert "other/x.yaml" not in said
    work.commit({"fleet/a.yaml": GOOD % 1})
    work.git("push", str(source.path), "main:trunk")
    assert shown(source.fetch().root) == {"a.yaml": GOOD % 1}


def test_a_push_without_the_folder_is_refused(short: Path, work: Work) -> None:
    source = open_hosted(short, folder="fleet")
    source.prepare()
    work.commit({"a.yaml": GOOD % 1})
    said = work.git("push", str(source.path), "main", check=False)
    assert 'remote: refused: there is no folder "fleet"' in said


def test_other_branches_and_tags_are_kept_but_not_deployed(clone: Work, hosted: HostedRepository) -> None:
    clone.commit({"a.yaml": BAD})
    clone.git("tag", "v1")
    said = clone.git("push", "origin", "main:idea", "v1")
    assert "remote: idea: kept, not deployed; only main is" in said
    with pytest.raises(SourceError, match="nothing has been pushed"):
        hosted.fetch()


def test_the_branch_can_not_be_deleted(clone: Work, hosted: HostedRepository) -> None:
    commit = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    said = clone.git("push", "origin", ":main", check=False)
    assert "refused: main is what the fleet runs and can't be deleted" in said
    assert hosted.fetch().revision.id == commit


def test_a_forced_push_is_followed(clone: Work, hosted: HostedRepository) -> None:
    clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    clone.git("commit", "--quiet", "--amend", "-m", "another one")
    clone.git("push", "--force", "origin", "main")
    assert hosted.fetch().revision.subject == "another one"


def test_the_hooks_work_in_a_bare_environment(clone: Work, hosted: HostedRepository) -> None:
    """As under sshd: no PATH to the virtual environment, no PYTHONPATH, no HOME of ours."""
    clone.commit({"a.yaml": BAD})
    done = subprocess.run(
        ["git", "-C", str(clone.path), "push", str(hosted.path), "main"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "remote: a.yaml:4" in done.stderr


def test_a_users_own_hooks_path_does_not_switch_ours_off(
    clone: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[core]\n hooksPath = /nonexistent\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    clone.commit({"a.yaml": BAD})
    assert "hook declined" in clone.git("push", "origin", "main", check=False)


def test_a_push_is_seen_soon_although_nobody_woke_us(clone: Work, hosted: HostedRepository) -> None:
    """The pusher, and with it the hook, may die after the branch has moved."""
    hosted.start(lambda: None)
    until(lambda: hosted.error() is not None)
    commit = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    took = until(lambda: (now := hosted.latest()) is not None and now.revision.id == commit)
    assert took < 5  # without a glance it would be 30


def test_a_wake_before_the_branch_moves_is_not_lost(clone: Work, hosted: HostedRepository) -> None:
    hosted.start(lambda: None)
    until(lambda: hosted.error() is not None)
    clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main:idea")
    commit = clone.git("rev-parse", "HEAD")
    hosted.wake()
    time.sleep(0.1)
    subprocess.run(["git", "-C", str(hosted.path), "update-ref", "refs/heads/main", commit], check=True)
    took = until(lambda: (now := hosted.latest()) is not None and now.revision.id == commit)
    assert took < 0.9  # without the wake it would be up to 1


def test_an_older_commit_can_be_had_again(clone: Work, hosted: HostedRepository) -> None:
    old = clone.commit({"a.yaml": GOOD % 1})
    clone.commit({"a.yaml": GOOD % 2})
    clone.git("push", "origin", "main")
    snapshot = hosted.at(old)
    assert snapshot is not None and shown(snapshot.root) == {"a.yaml": GOOD % 1}
    assert hosted.at("1" * 40) is None


def test_two_pushes_at_a_time_end_in_one_of_them(
    clone: Work, hosted: HostedRepository, tmp_path: Path
) -> None:
    clone.commit({"a.yaml": GOOD % 0})
    clone.git("push", "origin", "main")
    commits = []
    for number in (1, 2):
        clone.git("checkout", "--quiet", "-B", f"try-{number}", "main")
        commits.append(clone.commit({"a.yaml": GOOD % number}))
    pushes = [
        subprocess.Popen(
            ["git", "-C", str(clone.path), "push", "--quiet", "origin", f"{commit}:refs/heads/main"],
            stderr=subprocess.DEVNULL,
        )
        for commit in commits
    ]
    codes = [push.wait(60) for push in pushes]
    winner = hosted.fetch().revision.id
    assert winner in commits
    assert 0 in codes
    if codes.count(0) == 1:
        assert winner == commits[codes.index(0)]


def test_ctrl_c_of_the_pusher_hurts_nobody(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon]
) -> None:
    hold = threading.Event()
    served = daemon(["start web-1"], hold)
    commit = clone.commit({"a.yaml": GOOD % 1})
    push = subprocess.Popen(
        ["git", "-C", str(clone.path), "push", "origin", "main"],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until(lambda: any("/follow" in line for line in served.asked), 20)
    os.killpg(push.pid, signal.SIGINT)
    push.communicate(timeout=20)
    hold.set()
    assert served.hung_up.wait(20), "the hook ended with its pusher"
    assert hosted.fetch().revision.id == commit
    clone.commit({"a.yaml": GOOD % 2})
    assert "detached" in clone.git("push", "-o", "detach", "origin", "main")


def test_starting_again_refreshes_the_hooks_and_keeps_the_rest(clone: Work, hosted: HostedRepository) -> None:
    commit = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    hook = hosted.path / "hooks" / "pre-receive"
    text = hook.read_text()
    hook.write_text(text.replace("exec", "exec /old/python"))
    hosted.prepare()
    assert hook.read_text() == text
    assert hosted.fetch().revision.id == commit


def test_somebody_elses_hook_is_not_overwritten(hosted: HostedRepository) -> None:
    hook = hosted.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(SourceError, match="a hook already that the reconciler didn't write"):
        hosted.prepare()
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.git").mkdir()
    (tmp_path / "fleet.git" / "photo.png").touch()
    with pytest.raises(SourceError, match="found something else"):
        open_hosted(tmp_path).prepare()
    assert [p.name for p in (tmp_path / "fleet.git").iterdir()] == ["photo.png"]


def test_the_daemons_socket_may_be_there_first(tmp_path: Path) -> None:
    (tmp_path / "fleet.git").mkdir()
    (tmp_path / "fleet.git" / SOCKET).touch()
    open_hosted(tmp_path).prepare()
    assert (tmp_path / "fleet.git" / "HEAD").is_file()


def test_a_hook_without_its_inventory_refuses(clone: Work, hosted: HostedRepository) -> None:
    (hosted.path / "reconciler-fleet.json").unlink()
    clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main", check=False)
    assert "refused:" in said and "start `reconciler serve`" in said


def test_a_damaged_repository_is_told(clone: Work, hosted: HostedRepository) -> None:
    clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    for file in (hosted.path / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")
    with pytest.raises(SourceError, match="can't be read"):
        hosted.fetch()
