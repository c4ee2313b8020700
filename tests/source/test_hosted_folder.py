"""The folder of a hosted repository: made, made again, not ours, damaged."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.hosted import SOCKET, HostedRepository
from tests.source.conftest import Work
from tests.source.hosting import GOOD, open_hosted

pytestmark = pytest.mark.programs


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


def test_a_damaged_repository_is_told(clone: Work, hosted: HostedRepository) -> None:
    clone.commit({"a.yaml": GOOD % 1})
    clone.git("push", "origin", "main")
    for file in (hosted.path / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")
    with pytest.raises(SourceError, match="can't be read"):
        hosted.fetch()


def test_its_folder_is_ours_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Manifests hold Secrets. One that was made by an earlier version is mended, which is said once."""
    source = open_hosted(tmp_path)
    source.prepare()
    assert mode(source.path) == 0o700
    assert caplog.text == ""
    source.path.chmod(0o755)
    source.prepare()
    assert mode(source.path) == 0o700
    assert caplog.text.count("fleet.git (0755); now they can't") == 1
    source.prepare()
    assert caplog.text.count("others could read") == 1


def test_a_group_that_shares_it_by_gits_own_word_still_does(tmp_path: Path) -> None:
    source = open_hosted(tmp_path)
    source.prepare()
    subprocess.run(
        ["git", "--git-dir", str(source.path), "config", "core.sharedRepository", "group"], check=True
    )
    source.path.chmod(0o775)
    source.prepare()
    assert mode(source.path) == 0o770


def test_what_a_killed_hook_left_goes(tmp_path: Path) -> None:
    source = open_hosted(tmp_path)
    source.prepare()
    for name in ("reconciler-push-old", "reconciler-push-new"):
        (source.path / name / "exports").mkdir(parents=True)
    os.utime(source.path / "reconciler-push-old", (0, 0))
    source.prepare()
    assert [path.name for path in source.path.glob("reconciler-push-*")] == ["reconciler-push-new"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
