"""Who takes versions back: the daemon, and only where nodes.yaml says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from reconciler import wiring
from reconciler.loop.cycle import Loop
from reconciler.loop.reverts import Reverts
from reconciler.model.fleet import Fleet, FleetMeta, GitSource, OnAbort, SourceSpec
from tests.loop.test_wanted import FLEET, deployment
from tests.source.conftest import Work, own_git

__all__ = ["own_git"]


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(Loop, "revert", lambda _, reverts: found.append(reverts))
    return found


def fleet(home: Path, on_abort: OnAbort) -> Fleet:
    work = Work(home / "work")
    work.commit({"web.yaml": deployment("web:1")}, "First")
    spec = msgspec.structs.replace(
        FLEET.spec, source=SourceSpec(git=GitSource(url=str(home / "work"))), on_abort=on_abort
    )
    return msgspec.structs.replace(FLEET, metadata=FleetMeta(name="reverting"), spec=spec)


@pytest.mark.parametrize(("on_abort", "expected"), [("revert", [Reverts]), ("hold", [])])
def test_the_daemon_does_it_where_it_is_wanted(
    tmp_path: Path, seen: list[object], on_abort: OnAbort, expected: list[type]
) -> None:
    with wiring.serving(fleet(tmp_path, on_abort), "127.0.0.1:0"):
        assert [type(one) for one in seen] == expected


def test_a_single_apply_never_pushes(tmp_path: Path, seen: list[object]) -> None:
    wanted = fleet(tmp_path, "revert")
    source = wiring.pick_source(wanted, None, None)
    with wiring.one_shot(wanted, source):
        assert seen == []
