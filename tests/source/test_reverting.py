"""Taking commits back in real repositories: which ones, on top of what, and what is said when it can't be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import RevertError, SourceError
from reconciler.model.fleet import (
    DirectorySource,
    Fleet,
    FleetMeta,
    FleetSpec,
    GitSource,
    HostedSource,
    SourceSpec,
)
from reconciler.model.meta import Key
from reconciler.model.reversal import Reversal
from reconciler.source import scratch as scratch_module
from reconciler.source.hosted import SOCKET, HostedRepository
from reconciler.source.open import open_reverter
from reconciler.source.reverting import Reverter
from tests.source.conftest import Work
from tests.source.hosting import GOOD, Daemon

WEB = Key("Rollout", "default", "web")


class Judge:
    """The version is what web.yaml and its settings hold; a file called broken.yaml is an error."""

    def version(self, root: Path) -> str:
        files = (root / "web.yaml", root / "settings.yaml")
        return "+".join(f.read_text().splitlines()[0] for f in files if f.is_file())

    def fault(self, root: Path) -> str:
        return "broken.yaml:1 isn't YAML" if (root / "broken.yaml").exists() else ""


def reversal(bad: str = "v2", stable: str = "v1") -> Reversal:
    return Reversal(about=WEB, template_hash=bad, stable_hash=stable, evidence="Why: error-rate was 0.3")


def fleet(**source: object) -> Fleet:
    return Fleet(
        api_version="reconciler.io/v1",
        kind="Fleet",
        metadata=FleetMeta(name="home"),
        spec=FleetSpec(nodes=(), source=SourceSpec(**source), on_abort="revert"),  # type: ignore[arg-type]
    )


class Remote:
    """A bare repository, a work tree that pushes to it, and what takes commits back there."""

    def __init__(self, work: Work, home: Path) -> None:
        self.work, self.path, self.home = work, home / "remote.git", home
        work.git("init", "--bare", "--quiet", "--initial-branch=main", str(self.path))
        work.git("remote", "add", "origin", str(self.path))
        self.pushes = 0
        self.reverter = self.open()

    def open(self, folder: str = ".") -> Reverter:
        git = GitSource(url=str(self.path), path=folder)
        return open_reverter(fleet(git=git), self.home / "cache", self._pushed)

    def _pushed(self) -> None:
        self.pushes += 1

    def push(self, files: dict[str, str], message: str) -> str:
        commit = self.work.commit(files, message)
        self.work.git("push", "--quiet", "origin", "main")
        return commit

    def pull(self) -> None:
        self.work.git("pull", "--quiet", "--ff-only", "origin", "main")

    def read(self, *args: str) -> str:
        return self.work.git("--git-dir", str(self.path), *args)

    @property
    def head(self) -> str:
        return self.read("rev-parse", "main")

    def file(self, name: str) -> str:
        return self.read("show", f"main:{name}")

    def hook(self, name: str, text: str) -> None:
        hook = self.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{text}\n")
        hook.chmod(0o755)


@pytest.fixture
def there(work: Work, tmp_path: Path) -> Iterator[Remote]:
    remote = Remote(work, tmp_path)
    yield remote
    remote.reverter.close()


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


def test_a_conflict_pushes_nothing_and_names_the_file(there: Remote) -> None:
    there.push({"web.yaml": "v1\nreplicas: 1\n"}, "First")
    bad = there.push({"web.yaml": "v2\nreplicas: 2\n"}, "Second")
    head = there.push({"web.yaml": "v2\nreplicas: 3\n"}, "Third")
    with pytest.raises(RevertError, match=f"{bad[:7]} can't be taken back: .* lines of web.yaml") as caught:
        there.reverter.revert(reversal(), Judge())
    assert f"git revert {bad[:7]}" in caught.value.remedy
    assert there.head == head
    assert not list((there.home / "cache" / "reverts").glob("revert-*"))


def test_a_version_that_is_nowhere_in_history(there: Remote) -> None:
    there.push({"web.yaml": "v0"}, "First")
    head = there.push({"web.yaml": "v2"}, "Second")
    with pytest.raises(RevertError, match="version v1 isn't among the last 2 commits"):
        there.reverter.revert(reversal(), Judge())
    assert there.head == head


def test_a_tree_with_an_error_is_not_pushed(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    head = there.push({"broken.yaml": "["}, "Third")
    with pytest.raises(RevertError, match="nothing is pushed: broken.yaml:1"):
        there.reverter.revert(reversal(), Judge())
    assert there.head == head


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            "error: GH006: Protected branch update failed",
            "the server refuses the push .*GH006.*hook declined",
        ),
        (
            "ERROR: The key you are authenticating with has been marked as read only.",
            "we may not push .*read",
        ),
    ],
)
def test_without_the_right_to_push_it_says_what_to_do(there: Remote, said: str, meaning: str) -> None:
    there.push({"web.yaml": "v1"}, "First")
    head = there.push({"web.yaml": "v2"}, "Second")
    there.hook("pre-receive", f"echo '{said}' >&2; exit 1")
    with pytest.raises(SourceError, match=meaning) as caught:
        there.reverter.revert(reversal(), Judge())
    assert not isinstance(caught.value, RevertError), "rights can be given at any time: it is tried again"
    assert "push to main" in caught.value.remedy
    assert "spec.onAbort" in caught.value.remedy
    assert there.head == head


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


def test_an_unreachable_server_is_said_without_credentials(tmp_path: Path) -> None:
    git = GitSource(url="https://ada:secret@127.0.0.1:1/x.git")
    with pytest.raises(SourceError, match="can't be reached") as caught:
        open_reverter(fleet(git=git), tmp_path / "cache").revert(reversal(), Judge())
    assert "secret" not in str(caught.value)


def test_a_directory_has_nothing_to_take_back(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a directory has no commits"):
        open_reverter(fleet(directory=DirectorySource(path=str(tmp_path))), tmp_path / "cache")


def test_a_hosted_repository_judges_it_and_does_not_make_it_wait(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    """Its own hooks look at the commit and wake the daemon; nobody follows the rollout."""

    class Settings(Judge):
        def version(self, root: Path) -> str:
            return (root / "a.yaml").read_text().split("x: '")[1][0]

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
