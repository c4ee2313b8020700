"""Exit codes say what happened; what a person reads goes to stderr, and a traceback only for a bug."""

from __future__ import annotations

import errno
from pathlib import Path

import click
import pytest

from reconciler import cli, wiring
from reconciler.cli.inventory import inventory
from reconciler.errors import ReconcilerError


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (None, 0, ""),
        (ReconcilerError("no such place", where="nodes.yaml", remedy="name one"), 1, "no such place"),
        (click.UsageError("what?"), 2, "what?"),
        (ZeroDivisionError("by zero"), 3, "this is a bug in the reconciler"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "make room on the disk"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
    ],
)
def test_each_end_has_its_code(
    raised: BaseException | None,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command("status")
    def status() -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr("reconciler.cli.status.command", status)
    monkeypatch.setattr("sys.argv", ["reconciler", "status"])
    assert cli.run() == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert ("Traceback" in err) == (code == 3)


def test_a_verb_may_say_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.status.command", click.Command("status", callback=lambda: 2))
    monkeypatch.setattr("sys.argv", ["reconciler", "status"])
    assert cli.run() == 2


@pytest.mark.parametrize("verb", ["apply", "plan", "history"])
@pytest.mark.parametrize("variable", ["RECONCILER_STATE_DIR", "XDG_STATE_HOME"])
def test_a_file_in_the_place_of_the_state_directory_is_no_bug(
    verb: str,
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fleet = tmp_path / "nodes.yaml"
    fleet.write_text(
        "apiVersion: reconciler.io/v1\nkind: Fleet\nmetadata: {name: home}\n"
        "spec: {source: {directory: {path: .}}, nodes: [{name: a, address: sim://a}]}\n"
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("RECONCILER_STATE_DIR", raising=False)
    monkeypatch.setenv(variable, str(fleet))
    monkeypatch.setattr("sys.argv", ["reconciler", verb, "--fleet", str(fleet)])
    assert cli.run() == 1
    _, err = capsys.readouterr()
    assert str(fleet) in err
    assert "director" in err
    assert "Traceback" not in err
    with pytest.raises(ReconcilerError, match="director"), wiring.serving(inventory(fleet), None):
        pytest.fail("the daemon has started")
