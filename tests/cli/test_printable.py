"""Whatever nodes, pushers, registries and programs tell, at every door through which people see it."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from reconciler import cli, wiring
from reconciler.api.follow import Followers
from reconciler.api.order_forms import Trouble
from reconciler.api.orders import as_json
from reconciler.api.reporter import Reporter
from reconciler.apply.walk import Outcome
from reconciler.cli import history, hook, live, nodes, picture, rollout_watch, status, validate
from reconciler.cli.inventory import inventory
from reconciler.cli.terminal import echo, echo_json
from reconciler.engine.connection.failures import refusal
from reconciler.engine.fitness.report import Check, Report
from reconciler.errors import EngineError, SourceError
from reconciler.loop.narrate import Narrator
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Refusal
from reconciler.manifests.load import Loaded
from reconciler.model.action import StopPod
from reconciler.model.desired import Desired
from reconciler.model.event import Event
from reconciler.model.finding import Finding
from reconciler.model.meta import Key
from reconciler.model.observed import NodeFacts, NodeState, Observed
from reconciler.model.plan import Plan
from reconciler.model.revision import Revision
from reconciler.record.journal import Journal
from reconciler.record.logs import JsonLines, TextLines
from reconciler.record.store import Store
from tests.record import delivered

WORDS = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b8m\u202egnp\u2066 \x00\r\nfleet home: converged\x7f \ud800 \u2028"
HOSTILE = f"{WORDS} {'x' * 2_000_000}{WORDS}"
PLAN = Plan(revision="a" * 40, notes=(WORDS,))
OF_OURS = re.compile(r"\x1b\[[0-9;]*m")
"""The looks that we give: colours and weights."""


class Told:
    """A daemon that was told hostile words by everybody, and what was written of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        error = refusal("pi-1", "POST", "/images/create", 500, HOSTILE)
        pod = delivered.pod(delivered.WEB, 0, delivered.NEW, message=HOSTILE, reason=WORDS)
        facts = NodeFacts(docker_version=HOSTILE, os_image=WORDS, warnings=(HOSTILE,))
        node = NodeState(
            name="pi-1", reachable=False, message=HOSTILE, facts=facts, complaints=(HOSTILE,), pods=(pod,)
        )
        revision = Revision(id=delivered.COMMIT, subject=HOSTILE, author=HOSTILE)
        verdict = delivered.verdict("failed", HOSTILE)
        stop = StopPod(
            node="pi-1", because=WORDS, namespace="default", pod="web", owner=delivered.WEB, grace=1.0
        )
        self.turn = Turn(
            at=time.time(),
            seconds=0.1,
            observed=Observed([node]),
            desired=Desired(fleet=delivered.FLEET, revision=revision),
            plan=Plan(
                revision=revision.id, standing="failed", notes=(HOSTILE,), verdicts={delivered.API: verdict}
            ),
            ended=(
                Outcome(action=stop, seconds=1.0, error=error),
                Outcome(action=stop, seconds=1.0, bug=ValueError(HOSTILE)),
            ),
            failing=(str(error),),
            source_error=SourceError(HOSTILE, where=WORDS, remedy=HOSTILE),
        )
        self.store = Store(None)
        self.reporter = Reporter("home", Journal(self.store, "home"), lambda: None)
        self.reporter.take(self.turn)
        self.reporter.take(
            msgspec.structs.replace(self.turn, refusal=Refusal(revision=revision, error=SourceError(HOSTILE)))
        )
        self.overview = self.reporter.overview()
        state = delivered.state(delivered.paused())
        self.delivery = delivered.seen(state, judged=verdict)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("told"))


def drawn(what: object) -> str:
    file = io.StringIO()
    Console(file=file, force_terminal=True, width=200).print(what)
    return file.getvalue()


def logged(formatter: logging.Formatter) -> str:
    context = {"context": {"from": HOSTILE}}
    record = logging.makeLogRecord({"name": "reconciler.loop", "msg": HOSTILE, "args": (), **context})
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    return formatter.format(record)


def pushed(told: Told) -> str:
    followers = Followers()
    followers.publish("abc", HOSTILE)
    followers.finish("abc", False, HOSTILE)
    for line in followers.read("abc").lines:
        hook._say(line)
    for line in told.reporter.followers.read(delivered.COMMIT).lines:
        hook._say(line)
    hook._say(f"refused: {SourceError(HOSTILE)}")
    return ""


def past(told: Told, output: str) -> str:
    fleet = told.folder / "nodes.yaml"
    fleet.write_text(
        "apiVersion: reconciler.io/v1\nkind: Fleet\nmetadata: {name: home}\n"
        "spec: {nodes: [{name: pi-1, address: sim://pi-1}]}\n"
    )
    store = wiring.open_store(inventory(fleet))
    journal = Journal(store)
    journal.revision_seen(Revision(id="a" * 40, subject=HOSTILE, author=HOSTILE), 1.0)
    journal.revision_ended("a" * 40, "failed", HOSTILE, 2.0)
    journal.event(
        Event(at=1.0, type="Warning", reason=WORDS, message=HOSTILE, about=Key("Pod", "default", "web"))
    )
    store.close()
    history.command.main(["--fleet", str(fleet), "-o", output], standalone_mode=False)
    return ""


def watched(told: Told) -> str:
    view = live.PlainView()
    view.show(told.turn)
    lines, _ = Narrator().tell(told.turn)
    return drawn(live._picture(told.turn, lines))


def checked(told: Told, output: str) -> str:
    check = Check(name="docker", status="fail", found=HOSTILE, remedy=HOSTILE)
    report = Report(node="pi-1", address="ssh://pi-1", checks=(check,))
    if output == "json":
        nodes._print_json([report])
    else:
        nodes._print(report)
    return ""


def validated(told: Told, how: Callable[[Loaded], None]) -> str:
    finding = Finding(file=WORDS, message=HOSTILE, found=HOSTILE, remedy=HOSTILE, line=1, path=WORDS)
    how(Loaded(objects=(), files=1, findings=(finding,)))
    return ""


def ended(error: Exception) -> str:
    cli._told(error)
    return ""


def printed(*parts: object) -> str:
    echo(*parts)
    return ""


def printed_json(value: object) -> str:
    echo_json(value)
    return ""


def shown(told: Told, output: str) -> str:
    status._show(told.overview, output)
    return ""


def delivery(told: Told, output: str, terminal: bool) -> str:
    rollout_watch.show((told.delivery,), delivered.WEB, output, terminal)
    if output != "json":
        rollout_watch.show_all((told.delivery,), output, terminal)
    return ""


DOORS: dict[str, Callable[[Told], Any]] = {
    "push": pushed,
    "status": lambda told: shown(told, "text"),
    "status on a terminal": lambda told: drawn(picture.picture(told.overview, time.time())),
    "status -o json": lambda told: shown(told, "json"),
    "history": lambda told: past(told, "text"),
    "history -o json": lambda told: past(told, "json"),
    "rollout status": lambda told: delivery(told, "text", False),
    "rollout status on a terminal": lambda told: delivery(told, "text", True),
    "rollout status -o json": lambda told: delivery(told, "json", False),
    "apply, and its bars": watched,
    "plan": lambda told: printed(PLAN),
    "plan -o json": lambda told: printed_json(PLAN),
    "nodes check": lambda told: checked(told, "text"),
    "nodes check -o json": lambda told: checked(told, "json"),
    "validate": lambda told: validated(told, validate._text),
    "validate -o json": lambda told: validated(told, validate._json),
    "validate -o github": lambda told: validated(told, validate._github),
    "an error": lambda _: ended(EngineError(HOSTILE, node="pi-1", where=HOSTILE, remedy=HOSTILE)),
    "a bug": lambda _: ended(ValueError(HOSTILE[:5_000])),
    "the log": lambda _: logged(TextLines()),
    "the log as JSON": lambda _: logged(JsonLines()),
    "GET /status": lambda told: as_json(told.overview).text,
    "an error of the API": lambda _: as_json(Trouble(message=HOSTILE, where=HOSTILE)).text,
    "healthz": lambda told: told.reporter.healthy()[1],
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_lets_out_what_steers_a_terminal(
    door: str, told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(told.folder))
    said = str(DOORS[door](told) or "")
    written = capsys.readouterr()
    text = OF_OURS.sub("", said + written.out + written.err)
    assert text
    strange = {c for c in text if not c.isprintable() and c not in "\n\t"}
    assert strange == set()
    text.encode()
    assert len(text) < 250_000, "no more of it than people read"
    if "json" in door.lower() or door.startswith(("GET", "an error of")):
        json.loads(text)
    elif door not in ("a bug", "the log", "plan"):
        lines = text.splitlines()
        assert not any(line.startswith("fleet home: converged") for line in lines)


def test_what_is_recorded_is_bounded(told: Told) -> None:
    rows = told.store.read("SELECT message FROM events UNION ALL SELECT message FROM revisions")
    assert rows
    assert all(len(message) <= 5_000 and message.isprintable() for (message,) in rows)


def test_verbs_print_through_one_door_only() -> None:
    for file in Path(cli.__file__).parent.glob("*.py"):
        if file.name != "terminal.py":
            assert not re.search(r"click\.s?echo\(|(?<![\w.])print\(|stdout\.buffer", file.read_text()), file
