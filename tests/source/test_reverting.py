"""Taking commits back in real repositories: which ones, on top of what, and only once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import RevertError
from reconciler.model.fleet import (
    GitSource,
    HostedSource,
)
from reconciler.model.reversal import Reversal
from reconciler.source import scratch as scratch_module
from reconciler.source.hooks import SOCKET
from reconciler.source.hosted import HostedRepository
from reconciler.source.open import open_reverter
from reconciler.source.snapshot import Snapshot
from tests.source.conftest import Work
from tests.source.hosting import GOOD, Daemon
from tests.source.reverted import Judge, Remote, fleet, reversal, there

__all__ = ["there"]

pytestmark = pytest.mark.programs


def test_the_one_commit_is_taken_back_with_the_evidence(there: Remote) -> None:
    there.push({"web.yaml": "v1", "other.yaml": "1"}, "First")
    bad = there.push({"web.yaml": "v2"}, "New colours")
    new = there.reverter.revert(reversal(), Judge())
    assert there.head == new
    assert there.file("web.yaml") == "v1"
    assert there.read("log", "-1", "--format=%B", "main") == (
        f'Revert "New colours"\n\nWhy: error-rate was 0.3\n\nThis reverts commit {bad}.\n\n'
        "Reconciler-Reverts: Rollout default/web v2"
    )
    assert there.read("log", "-1", "--format=%an <%ae> %cn <%ce>", "main") == (
        "reconciler <reconciler@home> reconciler <reconciler@home>"
    )
    assert there.read("log", "-1", "--format=%(trailers:key=Reconciler-Reverts,valueonly)", "main") == (
        "Rollout default/web v2"
    )
    assert there.pushes == 1


def test_it_is_done_once(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    new = there.reverter.revert(reversal(), Judge())
    assert there.reverter.revert(reversal(), Judge()) == ""
    assert there.open().revert(reversal(), Judge()) == "", "nor does one that remembers nothing"
    assert there.head == new


def test_what_was_brought_back_by_hand_stays(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    ours = there.reverter.revert(reversal(), Judge())
    there.pull()
    theirs = there.push({"web.yaml": "v2"}, "I want it all the same")
    with pytest.raises(RevertError, match=f"{ours[:7]} took this version back already"):
        there.reverter.revert(reversal(), Judge())
    assert there.head == theirs


def test_of_several_commits_those_that_changed_the_object(there: Remote) -> None:
    """Also by a file of settings; what else was committed in between stays."""
    there.push({"web.yaml": "v1", "settings.yaml": "a", "other.yaml": "1"}, "First")
    one = there.push({"settings.yaml": "b"}, "Settings")
    there.push({"other.yaml": "2"}, "Something else")
    two = there.push({"web.yaml": "v2"}, "Image")
    there.push({"docs.txt": "words"}, "And more")
    there.reverter.revert(reversal("v2+b", "v1+a"), Judge())
    assert (there.file("web.yaml"), there.file("settings.yaml")) == ("v1", "a")
    assert (there.file("other.yaml"), there.file("docs.txt")) == ("2", "words")
    told = there.read("log", "-2", "--format=%s", "main").splitlines()
    assert told == ['Revert "Settings"', 'Revert "Image"']
    bodies = there.read("log", "-2", "--format=%b", "main")
    assert bodies.index(f"This reverts commit {one}.") < bodies.index(f"This reverts commit {two}.")


def test_a_merge_is_taken_back_as_a_whole(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.work.git("switch", "--quiet", "-c", "idea")
    there.work.commit({"web.yaml": "v1.5"}, "Halfway")
    there.work.commit({"web.yaml": "v2", "more.yaml": "1"}, "There")
    there.work.git("switch", "--quiet", "main")
    there.work.commit({"other.yaml": "1"}, "Meanwhile")
    there.work.git("merge", "--quiet", "--no-ff", "-m", "Merge idea", "idea")
    there.work.git("push", "--quiet", "origin", "main")
    there.reverter.revert(reversal(), Judge())
    assert there.file("web.yaml") == "v1"
    assert there.read("ls-tree", "--name-only", "main").split() == ["other.yaml", "web.yaml"]
    assert there.read("log", "-1", "--format=%s", "main") == 'Revert "Merge idea"'


def test_a_head_that_has_another_version_is_left_alone(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    head = there.push({"web.yaml": "v3"}, "Third")
    assert there.reverter.revert(reversal(), Judge()) == ""
    assert there.head == head


def test_what_nobody_wants_any_more_is_not_pushed(there: Remote) -> None:
    class Pardoned(Judge):
        def wanted(self) -> bool:
            return False

    there.push({"web.yaml": "v1"}, "First")
    head = there.push({"web.yaml": "v2"}, "Second")
    assert there.reverter.revert(reversal(), Pardoned()) == ""
    assert (there.head, there.pushes) == (head, 0)


def test_two_objects_of_one_commit_are_taken_back_by_one(there: Remote) -> None:
    class Other(Judge):
        def version(self, snapshot: Snapshot) -> str:
            return (snapshot.root / "other.yaml").read_text()

    there.push({"web.yaml": "v1", "other.yaml": "o1"}, "First")
    there.push({"web.yaml": "v2", "other.yaml": "o2"}, "Second")
    new = there.reverter.revert(reversal(), Judge())
    assert there.reverter.revert(reversal("o2", "o1"), Other()) == ""
    assert there.head == new
    assert there.file("other.yaml") == "o1"


def test_a_push_that_comes_in_between_is_built_upon(there: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    raced: list[str] = []
    take_back = scratch_module.Scratch.take_back

    def slow(self: scratch_module.Scratch, commit: str, wanted: Reversal) -> None:
        take_back(self, commit, wanted)
        if not raced:
            raced.append(there.push({"other.yaml": "1"}, "Meanwhile"))

    monkeypatch.setattr(scratch_module.Scratch, "take_back", slow)
    there.reverter.revert(reversal(), Judge())
    assert there.read("rev-parse", "main^") == raced[0]
    assert (there.file("web.yaml"), there.file("other.yaml")) == ("v1", "1")


def test_killed_between_commit_and_push_it_begins_anew(
    there: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.push({"web.yaml": "v1"}, "First")
    head = there.push({"web.yaml": "v2"}, "Second")
    left = there.home / "cache" / "reverts" / "revert-left"

    def dies(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("reconciler.source.reverting.push", dies)
        there.reverter.revert(reversal(), Judge())
    left.mkdir()
    assert there.head == head
    new = there.open().revert(reversal(), Judge())
    assert there.read("rev-parse", f"{new}^") == head
    assert not left.exists()


def test_killed_after_the_push_it_is_not_done_again(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")

    def dies() -> None:
        raise KeyboardInterrupt

    git = GitSource(url=str(there.path))
    with pytest.raises(KeyboardInterrupt):
        open_reverter(fleet(git=git), there.home / "cache", dies).revert(reversal(), Judge())
    pushed = there.head
    assert there.open().revert(reversal(), Judge()) == ""
    assert there.head == pushed


def test_a_damaged_copy_is_made_anew(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    assert there.reverter.revert(reversal(), Judge()) == ""
    for pack in (there.home / "cache" / "reverts").glob("*.git/objects/**/*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(b"")
    there.push({"web.yaml": "v2"}, "Second")
    there.reverter.revert(reversal(), Judge())
    assert there.file("web.yaml") == "v1"


def test_only_the_folder_with_the_manifests_is_read(there: Remote) -> None:
    """A history that begins before there was such a folder is walked all the same."""
    there.push({"readme": "1"}, "Begin")
    there.push({"fleet/web.yaml": "v1", "web.yaml": "else"}, "First")
    there.push({"fleet/web.yaml": "v2"}, "Second")
    there.open("fleet").revert(reversal(), Judge())
    assert there.file("fleet/web.yaml") == "v1"
    with pytest.raises(RevertError, match="isn't among"):
        there.open("fleet").revert(reversal("v1", "v0"), Judge())


def test_programs_of_a_users_configuration_do_not_run(there: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature, a filter and a hook are all named in the user's configuration."""
    mark = there.home / "ran"
    config = there.home / "config"
    config.write_text(
        f"[commit]\n gpgSign = true\n[gpg]\n program = touch {mark}\n"
        f'[filter "x"]\n smudge = "touch {mark}; cat"\n clean = "touch {mark}; cat"\n'
    )
    there.push({"web.yaml": "v1", ".gitattributes": "*.yaml filter=x\n"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    there.open().revert(reversal(), Judge())
    assert there.file("web.yaml") == "v1"
    assert not mark.exists()


@pytest.mark.parametrize(
    "attributes", ["*.yaml text", "*.yaml text eol=crlf", "*.yaml ident", "*.yaml filter=lfs"]
)
def test_attributes_that_change_files_on_their_way_hinder_nothing(there: Remote, attributes: str) -> None:
    """They came later than files that they would change: git takes those for changed by somebody."""

    def write(text: bytes) -> str:
        (there.work.path / "web.yaml").write_bytes(text)
        return there.push({}, "a version")

    write(b"v1\r\n# $Id$\r\n")
    write(b"v2\r\n# $Id$\r\n")
    (there.work.path / ".gitattributes").write_text(f"{attributes}\n")
    there.work.git("add", ".gitattributes")  # and nothing else, as it would be changed on its way in
    there.work.git("commit", "--quiet", "--message", "Attributes")
    there.work.git("push", "--quiet", "origin", "main")
    assert there.reverter.revert(reversal(), Judge()) == there.head
    assert there.read("rev-parse", "main:web.yaml") == there.read("rev-parse", "main~3:web.yaml")


def test_a_hosted_repository_judges_it_and_does_not_make_it_wait(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    """Its own hooks look at the commit and wake the daemon; nobody follows the rollout."""

    class Settings(Judge):
        def version(self, snapshot: Snapshot) -> str:
            return (snapshot.root / "a.yaml").read_text().split("x: '")[1][0]

    for number in (1, 2):
        clone.commit({"a.yaml": GOOD % number}, f"Number {number}")
        clone.git("push", "--quiet", "origin", "main")
    door = daemon([])
    reverter = open_reverter(fleet(hosted=HostedSource(path=str(hosted.path))), tmp_path / "cache")
    new = reverter.revert(reversal("2", "1"), Settings())
    snapshot = hosted.fetch()
    assert (snapshot.revision.id, snapshot.revision.subject) == (new, 'Revert "Number 2"')
    assert (snapshot.root / "a.yaml").read_text() == GOOD % 1
    assert snapshot.revision.reverts
    assert "POST /wake HTTP/1.0" in door.asked
    assert not [line for line in door.asked if "/follow/" in line]
    assert (hosted.path / SOCKET).exists()
