"""Pushing to a hosted repository: what is accepted, what is refused in which words, what is then deployed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.hosted import LOOK_S, HostedRepository
from tests.source.conftest import Work, shown, until
from tests.source.hosting import BAD, GOOD, open_hosted

pytestmark = pytest.mark.programs


def test_before_the_first_push_it_says_how_to_push(hosted: HostedRepository) -> None:
    with pytest.raises(SourceError, match='nothing has been pushed to the branch "main" yet') as caught:
        hosted.fetch()
    assert f"git push ssh://THIS-MACHINE{hosted.path} HEAD:main" in str(caught.value)


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
    until(lambda: (now := hosted.latest()) is not None and now.revision.id == commit, LOOK_S / 2)


def test_a_wake_before_the_branch_moves_is_not_lost(
    clone: Work, hosted: HostedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the wake is left to tell of the branch: nobody would glance at it for an hour."""
    monkeypatch.setattr("reconciler.source.hosted.GLANCE_S", 3600.0)
    monkeypatch.setattr("reconciler.source.hosted.EAGER_S", LOOK_S)
    hosted.start(lambda: None)
    until(lambda: hosted.error() is not None)
    clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main:idea")
    commit = clone.git("rev-parse", "HEAD")
    hosted.wake()
    time.sleep(0.1)
    subprocess.run(["git", "-C", str(hosted.path), "update-ref", "refs/heads/main", commit], check=True)
    until(lambda: (now := hosted.latest()) is not None and now.revision.id == commit, LOOK_S / 2)


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


def test_a_hook_without_its_inventory_refuses(clone: Work, hosted: HostedRepository) -> None:
    (hosted.path / "reconciler-fleet.json").unlink()
    clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main", check=False)
    assert "refused:" in said and "start `reconciler serve`" in said
