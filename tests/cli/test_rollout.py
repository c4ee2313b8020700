"""`reconciler rollout ...`: through a running daemon, and without one into its record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from reconciler import wiring
from reconciler.api.server import ApiServer
from reconciler.cli.inventory import inventory
from reconciler.cli.rollout import command
from reconciler.cli.rollout_ask import LATER, Asking
from reconciler.errors import FleetLocked, ReconcilerError, SourceError, UsageError
from reconciler.model.delivery import Decision, Delivery, Order
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.progress import Progress
from reconciler.record.journal import Journal
from reconciler.record.lock import FleetLock
from reconciler.record.progress import ProgressStore
from tests.api.test_orders import Daemon
from tests.manifests.build import canary, rollout
from tests.record.delivered import API, WEB, paused, state

INVENTORY = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {{name: home}}
spec:
  source: {{directory: {{path: apps}}}}
  serve: {{listen: "127.0.0.1:{port}"}}
  nodes:
    - {{name: pi-1, address: "sim://pi-1"}}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "nodes.yaml").write_text(INVENTORY.format(port=1))
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "web.yaml").write_text(rollout(canary("{setWeight: 20}, {pause: {}}")))
    return tmp_path


@pytest.fixture
def daemon(root: Path) -> Iterator[Daemon]:
    made = Daemon()
    server = ApiServer(None, root / "api.sock", made)
    with FleetLock("home", wiring.lock_dir()) as lock:
        server.start()
        lock.serves(unix_socket=root / "api.sock")
        yield made
        server.stop()


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def error(result: Result) -> ReconcilerError:
    assert isinstance(result.exception, ReconcilerError), result.exception
    return result.exception


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (("pause", "web"), "pause"),
        (("resume", "rollout/web"), "resume"),
        (("promote", "web", "-n", "default"), "promote"),
        (("promote", "web", "--full"), "promote-full"),
        (("abort", "web"), "abort"),
        (("retry", "web"), "retry"),
        (("undo", "web"), "undo"),
    ],
)
def test_each_verb_reaches_the_daemon(daemon: Daemon, words: tuple[str, ...], verb: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.output) == (0, "Rollout default/web: paused at step 2\n")
    assert [(o.about, o.verb) for o in daemon.given] == [(WEB, verb)]


@pytest.mark.parametrize(
    ("verb", "instead"), [("history", "`reconciler history NAME`"), ("restart", "spec.restartAt")]
)
def test_verbs_that_kubectl_has_lead_to_what_does_the_same(verb: str, instead: str) -> None:
    result = run(verb, "deployment/web")
    assert result.exit_code == 2
    assert instead in result.output
    assert "Did you mean" not in result.output


def test_an_annotated_deployment_is_steered_alike(daemon: Daemon) -> None:
    assert run("pause", "deployment/api").exit_code == 0
    assert daemon.given[0].about == API


def test_status_of_one_and_of_all(daemon: Daemon) -> None:
    one = run("status", "web").output
    assert one.startswith("Rollout default/web: Paused\n  paused at step 2\n")
    every = run("status").output.splitlines()
    assert [line.split()[1] for line in every[1:]] == ["default/api", "default/shop", "default/web"]
    assert json.loads(run("status", "web", "-o", "json").output)["weight"] == 20
    assert len(json.loads(run("status", "-o", "json").output)) == 3
    assert run("status", "-n", "default").output.splitlines() == every
    assert run("status", "-n", "other").output == "nothing is delivered step by step in namespace other\n"
    assert json.loads(run("status", "-n", "other", "-o", "json").output) == []


@pytest.mark.parametrize("name", ["wep", "deployment/web"])
def test_an_unknown_name_says_what_there_is(daemon: Daemon, name: str) -> None:
    said = str(error(run("abort", name)))
    assert "Deployment default/api, Rollout default/shop, Rollout default/web" in said
    assert daemon.given == []


def test_a_name_that_is_two_objects(daemon: Daemon) -> None:
    assert daemon.seen is not None
    web = next(s for s in daemon.seen if s.key == WEB)
    daemon.seen = (*daemon.seen, msgspec.structs.replace(web, namespace="prod"))
    assert "`web -n default`" in str(error(run("abort", "web")))
    assert run("abort", "web", "-n", "prod").exit_code == 0
    assert daemon.given[0].about == Key("Rollout", "prod", "web")


def test_an_order_that_makes_no_sense_now(daemon: Daemon) -> None:
    daemon.answer = UsageError("it isn't paused", where=str(WEB), remedy="see `rollout status`")
    raised = error(run("resume", "web"))
    assert str(raised) == "Rollout default/web: it isn't paused\n  see `rollout status`"


def test_a_daemon_without_a_revision(daemon: Daemon) -> None:
    daemon.seen = None
    for words in (("status",), ("pause", "web")):
        assert "no revision yet" in str(error(run(*words)))


def test_watch_goes_on_after_the_order(daemon: Daemon) -> None:
    assert daemon.seen is not None
    ended = tuple(
        msgspec.structs.replace(s, phase="Degraded", message="enough", weight=0) for s in daemon.seen
    )
    daemon.seen = ended
    told = run("abort", "web", "--watch")
    assert told.exit_code == 0
    assert told.output.splitlines()[1].startswith("Rollout default/web: Degraded")
    assert "Degraded" in str(error(run("promote", "web", "--watch")))
    assert "one object can be watched" in str(error(run("status", "--watch")))


def test_a_timeout_that_is_none_is_told_before_the_order_is_given(daemon: Daemon) -> None:
    assert 'not a duration: "5 minutes"' in str(error(run("abort", "web", "-w", "--timeout", "5 minutes")))
    assert "nothing is watched" in str(error(run("abort", "web", "--timeout", "5m")))
    assert "nothing is watched" in str(error(run("status", "web", "--timeout", "5m")))
    assert daemon.given == []


def fold(progress: Progress, order: Order, wanted: Desired) -> tuple[Progress, str]:
    """A stand-in: it keeps the decision, and knows no way to resume."""
    if order.verb == "resume":
        raise UsageError("it isn't paused", where=str(order.about))
    before = progress.rollouts.get(order.about) or state(paused())
    decision = Decision(at=order.at, who=order.who, verb=order.verb, number=3)
    after = msgspec.structs.replace(before, delivery=Delivery(stage="aborted", decisions=(decision,)))
    return msgspec.structs.replace(
        progress, rollouts={**progress.rollouts, order.about: after}
    ), "it goes back"


def asking(root: Path, source: str | None = None) -> Asking:
    return Asking(inventory(root / "nodes.yaml"), source, fold=fold)


def test_without_a_daemon_it_is_kept_for_the_next_one(root: Path) -> None:
    asked = asking(root)
    key = asked.find("web", None)
    assert asked.order(key, "abort") == f"it goes back\n{LATER}"
    store = wiring.open_store(inventory(root / "nodes.yaml"))
    (decision,) = (ProgressStore(store).load().rollouts[WEB].delivery or Delivery(stage="first")).decisions
    (event,) = Journal(store).events(WEB)
    store.close()
    me = f"@{os.uname().nodename}"
    assert (decision.verb, decision.who.endswith(me)) == ("abort", True)
    assert event.event.reason == "RolloutAborted"
    assert event.event.message == f"{decision.who} said abort: it goes back"
    (seen,) = asked.look()
    assert (seen.phase, seen.stage) == ("Degraded", "aborted")


def test_without_a_daemon_an_order_without_sense_changes_nothing(root: Path) -> None:
    with pytest.raises(UsageError, match="it isn't paused"):
        asking(root).order(WEB, "resume")
    store = wiring.open_store(inventory(root / "nodes.yaml"))
    assert ProgressStore(store).load().rollouts == {}
    assert Journal(store).events() == ()
    store.close()


def test_without_a_daemon_an_unknown_name(root: Path) -> None:
    assert "there is Rollout default/web" in str(error(run("pause", "wep")))


def test_another_process_holds_the_fleet(root: Path) -> None:
    asked = asking(root)
    with FleetLock("home", wiring.lock_dir()), pytest.raises(FleetLocked, match="runs this fleet already"):
        asked.order(WEB, "abort")


def test_another_users_reconciler_is_not_gone_behind(root: Path) -> None:
    server = ApiServer("127.0.0.1:0", None, Daemon())
    server.start()
    try:
        port = (server.address or "").rpartition(":")[2]
        (root / "nodes.yaml").write_text(INVENTORY.format(port=port))
        with pytest.raises(UsageError, match="this user can't give orders to"):
            asking(root).order(WEB, "abort")
        assert run("status", "web").output.startswith("Rollout default/web: Paused")
    finally:
        server.stop()
    assert not list((root / "state").glob("home/state.db"))


def test_a_daemon_that_has_just_died_leaves_its_lock_behind(root: Path) -> None:
    with FleetLock("home", wiring.lock_dir()) as lock:
        lock.serves(unix_socket=root / "gone.sock")
        with pytest.raises(FleetLocked):
            asking(root).order(WEB, "abort")


def test_without_a_daemon_a_source_must_be_named(root: Path) -> None:
    text = (root / "nodes.yaml").read_text().replace("source: {directory: {path: apps}}", "source: {}")
    (root / "nodes.yaml").write_text(text)
    with pytest.raises(SourceError, match="expected one of git, directory, hosted"):
        asking(root).find("web", None)
    assert asking(root, "apps").find("web", None) == WEB


def test_a_bug_in_the_daemon_is_told_as_one(daemon: Daemon) -> None:
    daemon.answer = ZeroDivisionError("oops")
    assert "its log says what" in str(error(run("pause", "web")))
