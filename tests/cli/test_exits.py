"""Exit codes say what happened; what a person reads goes to stderr, and a traceback only for a bug."""

from __future__ import annotations

import errno

import click
import pytest

from reconciler import cli
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
