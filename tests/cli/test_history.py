"""`reconciler history`: of revisions, and of one object that is delivered step by step."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reconciler import wiring
from reconciler.cli.history import command
from reconciler.cli.inventory import inventory
from reconciler.errors import UsageError
from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision
from reconciler.record.journal import Journal
from reconciler.record.progress import ProgressStore
from tests.record.delivered import COMMIT, NEW, NOW, OLD, SHOP, WEB, paused, state

INVENTORY = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: home}
spec:
  nodes: [{name: pi-1, address: "sim://pi-1"}]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "nodes.yaml"
    path.write_text(INVENTORY)
    store = wiring.open_store(inventory(path))
    same = Key("Rollout", "prod", "shop")
    plain = Key("Deployment", "default", "plain")
    known = {WEB: state(paused()), SHOP: state(paused()), same: state(paused()), plain: state(None)}
    ProgressStore(store).save(Progress(rollouts=known))
    journal = Journal(store)
    for at, reason, message in (
        (NOW - 75, "RolloutRetried", "ada@desk said retry: once more"),
        (NOW - 60, "RolloutStepCompleted", "step 1/5 completed (setWeight 20)"),
        (NOW - 50, "RolloutStepCompleted", "step 1/5 completed (setWeight 20)"),
    ):
        journal.event(Event(at=at, type="Normal", reason=reason, message=message, about=WEB))
    journal.event(Event(at=NOW, type="Normal", reason="RolloutUpdated", message="of shop", about=SHOP))
    journal.revision_seen(Revision(id=COMMIT, subject="Bump web"), NOW)
    store.close()
    return path


def run(file: Path, *words: str) -> Result:
    return CliRunner().invoke(command, ["-f", str(file), *words])


def test_an_objects_versions_decisions_and_ends(file: Path) -> None:
    lines = [re.sub(r"^[\d-]+ [\d:]+  ", "", line) for line in run(file, "web").output.splitlines()]
    assert lines == [
        "Rollout default/web",
        f"version 3 {NEW} {COMMIT} (newest)",
        f"version 2 {OLD} {'b' * 40} (stable)",
        "decisions:",
        "ada@desk said retry of version 3",
        "events:",
        "RolloutStepCompleted   step 1/5 completed (setWeight 20) (2 times)",
        "RolloutRetried         ada@desk said retry: once more",
    ]


def test_for_programs_and_not_more_than_asked_for(file: Path) -> None:
    told = json.loads(run(file, "rollout/web", "-o", "json", "--limit", "1").output)
    assert told["object"] == "Rollout default/web"
    assert [v["number"] for v in told["versions"]] == [3, 2]
    assert [e["event"]["reason"] for e in told["events"]] == ["RolloutStepCompleted"]
    assert told["decisions"][0]["who"] == "ada@desk"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gone",), "there is Rollout default/shop, Rollout default/web, Rollout prod/shop"),
        (("plain",), "nothing of that name is delivered"),
        (("shop",), "are all called so"),
    ],
)
def test_a_name_that_is_none_or_several(file: Path, words: tuple[str, ...], said: str) -> None:
    result = run(file, *words)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert run(file, "shop", "--namespace", "prod").output.startswith("Rollout prod/shop\n")


def test_without_a_name_the_revisions(file: Path) -> None:
    assert "ccccccc Bump web" in run(file).output
