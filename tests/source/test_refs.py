"""What may be pushed where in a hosted repository: nothing that steers git, or bars the way of the branch."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from reconciler.errors import SourceError
from reconciler.source import receive
from reconciler.source.hosted import HostedRepository
from reconciler.source.receive import Update, accept
from reconciler.source.refs import objection
from tests.source.conftest import Work
from tests.source.hosting import BAD, GOOD

pytestmark = pytest.mark.programs


@pytest.mark.parametrize(
    "ref",
    [
        "refs/replace/1111111111111111111111111111111111111111",
        "refs/notes/commits",
        "refs/stash",
        "refs/original/refs/heads/main",
        "refs/bisect/bad",
        "refs/reconciler/x",
        "refs/remotes/origin/main",
        "refs/tags/refs/heads/main",
        "refs/heads/refs/heads/main",
        "refs/heads/main/x",
        "refs/heads/Main",
        "refs/heads/MAIN/x",
    ],
)
def test_what_is_not_taken(ref: str) -> None:
    assert objection(ref, "main")


def test_what_is_taken() -> None:
    for ref in (
        "refs/heads/main",
        "refs/heads/mainly",
        "refs/heads/feature/main",
        "refs/tags/main",
        "refs/tags/v1/x",
    ):
        assert not objection(ref, "main")
    assert objection("refs/heads/release", "release/main")
    assert not objection("refs/heads/release/next", "release/main")


def test_a_replaced_object_bricks_nothing(clone: Work, hosted: HostedRepository) -> None:
    """Not by a push, and not where one was taken before."""
    first = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    second = clone.commit({"a.yaml": GOOD % 2})
    clone.git("push", "origin", "main")
    said = clone.git("push", "origin", f"{second}:refs/replace/{first}", check=False)
    assert f"refused: refs/replace/{first}: only branches and tags are taken" in said
    replaced = ["update-ref", f"refs/replace/{first}", second]  # which has it as its parent
    subprocess.run(["git", "-C", str(hosted.path), *replaced], check=True)
    third = clone.commit({"a.yaml": GOOD % 3})
    clone.git("push", "origin", "main")
    assert hosted.fetch().revision.id == third


def test_one_bad_ref_refuses_the_whole_push(clone: Work, hosted: HostedRepository) -> None:
    clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main", "main:refs/notes/x", check=False)
    assert "refused: refs/notes/x" in said
    with pytest.raises(SourceError, match="nothing has been pushed"):
        hosted.fetch()


def test_nothing_bars_the_way_of_a_branch_that_is_not_there_yet(
    clone: Work, hosted: HostedRepository
) -> None:
    clone.commit({"a.yaml": GOOD % 1})
    assert "can't stand beside main" in clone.git("push", "origin", "main:refs/heads/main/x", check=False)
    clone.commit({"a.yaml": BAD})
    said = clone.git("push", "origin", "HEAD:refs/tags/refs/heads/main", check=False)
    assert "mistaken for another one" in said
    with pytest.raises(SourceError, match="nothing has been pushed"):
        hosted.fetch()


TARGETS = ("HEAD", "config", "refs/heads/../../config", "hooks/update", "refs/heads/main.lock")


def test_nothing_outside_of_refs_is_touched(clone: Work, hosted: HostedRepository) -> None:
    """By whoever speaks git's protocol without git: made or deleted."""
    commit = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    before = {path.name for path in hosted.path.iterdir()}
    for target in TARGETS:
        made = f"{'0' * 40} {commit} {target}\0 report-status\n".encode()
        deleted = f"{commit} {'0' * 40} {target}\0 report-status delete-refs\n".encode()
        for line, pack in ((made, EMPTY_PACK), (deleted, b"")):
            packet = f"{len(line) + 4:04x}".encode() + line + b"0000" + pack
            command = ["git", "receive-pack", str(hosted.path)]
            said = subprocess.run(command, input=packet, capture_output=True, check=False, timeout=60)
            assert b"ok " + target.encode() not in said.stdout
    assert {path.name for path in hosted.path.iterdir()} == before
    assert (hosted.path / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert hosted.fetch().revision.id == commit


EMPTY_PACK = bytes.fromhex("5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e")


def test_names_that_are_not_text_are_written_out(clone: Work, hosted: HostedRepository) -> None:
    commit = clone.commit({"a.yaml": GOOD % 1})
    line = f"{'0' * 40} {commit} refs/notes/".encode() + b"\xff\xfe\n"
    env = os.environ | {"LANG": "en_US.UTF-8", "GIT_DIR": str(hosted.path)}
    done = subprocess.run(
        [sys.executable, "-m", "reconciler.cli", "hook", "pre-receive"],
        input=line,
        env=env,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"refused: refs/notes/\\xff\\xfe: only branches" in done.stdout) == (1, True), (
        done
    )


def test_a_pusher_who_hangs_up_gets_nothing_in(clone: Work, hosted: HostedRepository) -> None:
    """The hook can't tell what is wrong any more. It must still say no: git may read that."""
    commit = clone.commit({"a.yaml": BAD})
    clone.git("push", "origin", "main:idea")
    read, write = os.pipe()
    os.close(read)
    line = f"{'0' * 40} {commit} refs/heads/main\n".encode()
    env = os.environ | {"GIT_DIR": str(hosted.path)}
    command = [sys.executable, "-m", "reconciler.cli", "hook", "pre-receive"]
    done = subprocess.run(command, input=line, env=env, stdout=write, stderr=write, check=False, timeout=60)
    os.close(write)
    assert done.returncode == 1


def test_a_push_option_that_is_not_known_is_said(clone: Work, hosted: HostedRepository) -> None:
    clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "-o", "detatch", "origin", "main")
    assert "the reconciler isn't running here" in said


def test_the_refs_of_a_repository_are_counted(
    clone: Work, hosted: HostedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "MAX_ALL_REFS", 3)
    commit = clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main:a", "main:b", "main:c")
    told: list[str] = []
    none = "0" * 40
    assert accept(hosted.path, [Update(old=commit, new=commit, ref="refs/heads/a")], told.append)
    with pytest.raises(SourceError, match="there are 3 branches and tags, 1 more come, and 3 are the most"):
        accept(hosted.path, [Update(old=none, new=commit, ref="refs/tags/d")], told.append)
