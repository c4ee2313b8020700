"""The folder of a hosted repository: made, made again, not ours, damaged."""

from __future__ import annotations

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
