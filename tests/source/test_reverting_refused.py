"""What is said when a commit can't be taken back; nothing is pushed then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import RevertError, SourceError
from reconciler.model.fleet import (
    DirectorySource,
    GitSource,
)
from reconciler.source.open import open_reverter
from reconciler.source.snapshot import Snapshot
from tests.source.reverted import Judge, Remote, fleet, reversal, there

__all__ = ["there"]

pytestmark = pytest.mark.programs


def test_a_conflict_pushes_nothing_and_names_the_file(there: Remote) -> None:
    there.push({"web.yaml": "v1\nreplicas: 1\n"}, "First")
    bad = there.push({"web.yaml": "v2\nreplicas: 2\n"}, "Second")
    head = there.push({"web.yaml": "v2\nreplicas: 3\n"}, "Third")
    with pytest.raises(RevertError, match=f"{bad[:7]} can't be taken back: .* lines of web.yaml") as caught:
        there.reverter.revert(reversal(), Judge())
    assert f"git revert {bad[:7]}" in caught.value.remedy
    assert there.head == head
    assert not list((there.home / "cache" / "reverts").glob("revert-*"))


def test_a_conflict_in_a_file_whose_name_is_no_text_can_be_told(there: Remote) -> None:
    """What is told goes into the record, which holds text alone."""
    name = os.fsdecode(b"caf\xe9.yaml")
    there.push({"web.yaml": "v1", name: "1\n"}, "First")
    there.push({"web.yaml": "v2", name: "2\n"}, "Second")
    there.push({name: "3\n"}, "Third")
    with pytest.raises(RevertError, match=r"the same lines of caf\\udce9.yaml") as caught:
        there.reverter.revert(reversal(), Judge())
    assert str(caught.value).encode()


def test_a_version_that_is_nowhere_in_history(there: Remote) -> None:
    there.push({"web.yaml": "v0"}, "First")
    head = there.push({"web.yaml": "v2"}, "Second")
    with pytest.raises(RevertError, match="version v1 isn't among the last 2 commits"):
        there.reverter.revert(reversal(), Judge())
    assert there.head == head


def test_what_does_not_give_the_stable_version_is_not_pushed(there: Remote) -> None:
    """A later commit makes no difference to the bad version, but one to the stable one."""

    class Entangled(Judge):
        def version(self, snapshot: Snapshot) -> str:
            found = super().version(snapshot)
            return f"{found}x" if found == "v1" and (snapshot.root / "other.yaml").exists() else found

    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    head = there.push({"other.yaml": "1"}, "Third")
    with pytest.raises(RevertError, match="gives version v1x, not v1"):
        there.reverter.revert(reversal(), Entangled())
    assert there.head == head


def test_a_tree_with_an_error_is_not_pushed(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    head = there.push({"broken.yaml": "["}, "Third")
    with pytest.raises(RevertError, match=r"nothing is pushed: broken\.yaml:1"):
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


def test_what_a_server_says_does_not_steer_a_terminal(there: Remote) -> None:
    there.push({"web.yaml": "v1"}, "First")
    there.push({"web.yaml": "v2"}, "Second")
    there.hook("pre-receive", r"printf '\033[2Jno\n' >&2; exit 1")
    with pytest.raises(SourceError, match=r"refuses the push \(\\x1b\[2Jno; pre-receive hook declined\)"):
        there.reverter.revert(reversal(), Judge())


def test_an_unreachable_server_is_said_without_credentials(tmp_path: Path) -> None:
    git = GitSource(url="https://ada:secret@127.0.0.1:1/x.git")
    with pytest.raises(SourceError, match="can't be reached") as caught:
        open_reverter(fleet(git=git), tmp_path / "cache").revert(reversal(), Judge())
    assert "secret" not in str(caught.value)


def test_a_directory_has_nothing_to_take_back(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a directory has no commits"):
        open_reverter(fleet(directory=DirectorySource(path=str(tmp_path))), tmp_path / "cache")
