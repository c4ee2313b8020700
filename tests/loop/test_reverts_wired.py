"""Who takes versions back: the daemon, and only where nodes.yaml says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from reconciler import wiring
from reconciler.engine.simulation import simulated_node
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.loop.cycle import Loop
from reconciler.loop.reverts import Reverts
from reconciler.loop.turn import Turn
from reconciler.model.fleet import Fleet, FleetMeta, GitSource, HostedSource, OnAbort, SourceSpec
from tests.loop.test_reverts_whole import WEB, manifest
from tests.loop.test_wanted import FLEET, deployment
from tests.source.conftest import Work, own_git

__all__ = ["own_git"]

pytestmark = pytest.mark.programs


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


def test_a_hosted_repository_takes_the_push_of_its_own_daemon(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hooks ask the daemon that is pushing, and nobody waits for anybody."""
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(simulated_node, "LIVELY", Behaviour(never_ready=frozenset({"web:2"})))
    path = tmp_path_factory.mktemp("h") / "fleet.git"
    spec = msgspec.structs.replace(
        FLEET.spec, source=SourceSpec(hosted=HostedSource(path=str(path))), on_abort="revert"
    )
    wanted = msgspec.structs.replace(FLEET, metadata=FleetMeta(name="reverting"), spec=spec)
    work = Work(tmp_path / "work")
    until = time.monotonic() + 120.0

    def reached(stage: str, subject: str) -> Callable[[Turn], bool]:
        def now(turn: Turn) -> bool:
            assert time.monotonic() < until, "it never came"
            state = turn.plan.progress.rollouts.get(WEB) if turn.plan else None
            found = state.delivery.stage if state and state.delivery else ""
            return turn.desired is not None and (found, turn.desired.revision.subject) == (stage, subject)

        return now

    with wiring.serving(wanted, "127.0.0.1:0") as loop:
        for image, subject, end in (
            ("web:1", "First", "First"),
            ("web:2", "Second", 'Revert "Second"'),
        ):
            work.commit({"web.yaml": manifest(image)}, subject)
            work.git("push", "--quiet", "-o", "detach", str(path), "main")
            loop.run(reached("done", end), lambda: 0.2)
    assert work.git("--git-dir", str(path), "log", "--format=%s", "main").splitlines() == [
        'Revert "Second"',
        "Second",
        "First",
    ]
