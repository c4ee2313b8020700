"""`reconciler status`: what is going on and why, in the first lines."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from reconciler import wiring
from reconciler.api.follow import Followers
from reconciler.api.metrics import Metrics
from reconciler.api.server import ApiServer
from reconciler.cli import status
from reconciler.cli.page import age, page, plain
from reconciler.cli.picture import picture
from reconciler.cli.status import command
from reconciler.errors import UsageError
from reconciler.model.container import Container
from reconciler.model.delivery import Delivery
from reconciler.model.desired import Desired
from reconciler.model.event import Event
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, NodeFacts, NodeState, Observed, PodRecord, PodState
from reconciler.model.plan import Plan, Standing, Verdict, Wait
from reconciler.model.pod import PodSpec
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision
from reconciler.record.journal import RecordedEvent
from reconciler.record.lock import FleetLock
from reconciler.record.overview import IngressLine, Overview, ServiceLine, overview
from tests.record import delivered

WEB = Key("Deployment", "default", "web")
INVENTORY = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: home}
spec:
  serve: {listen: "127.0.0.1:1"}
  nodes:
    - {name: pi-1, address: "ssh://root@192.0.2.1"}
"""
NOW = 10_000.0


def fleet() -> Fleet:
    spec = {"nodes": [{"name": "pi-1", "address": "ssh://root@192.0.2.1"}]}
    whole = {"apiVersion": "reconciler.io/v1", "kind": "Fleet", "metadata": {"name": "home"}, "spec": spec}
    return msgspec.convert(whole, Fleet)


def nodes() -> Observed:
    record = PodRecord(
        namespace="default", name="web-7f9c-0", owner=WEB, template_hash="7f9c", revision="a", node="pi-1",
        spec=PodSpec(containers=(Container(name="main", image="web:1"),)), ip="10.42.1.5",
    )  # fmt: skip
    main = ContainerState(name="main", role="main", state="running", ready=True, restarts=2)
    pod = PodState(record=record, containers=(main,), phase="Running", created_at=NOW - 75, ready=True)
    facts = NodeFacts(cpu_milli=4000, memory=2**33, docker_version="20.10.24")
    lost = NodeState(name="pi-2", reachable=False, lost_since=NOW - 30, message="no route to host")
    return Observed([NodeState(name="pi-1", reachable=True, facts=facts, pods=(pod,)), lost])


def seen(standing: Standing = "progressing", message: str = "", **more: object) -> Overview:
    verdict = Verdict(standing=standing, message=message, desired=2, updated=1, ready=1, available=1, total=1)
    plan = Plan(
        revision="a" * 40, verdicts={WEB: verdict}, standing=standing,
        waits=(Wait(subject="web-7f9c-1", because="its node is silent"),), notes=("nothing is pruned",),
    )  # fmt: skip
    desired = Desired(fleet=fleet(), revision=Revision(id="a" * 40, subject="Bump web to v2"))
    gone = Key("Node", "", "pi-2")
    event = Event(at=NOW - 9, type="Warning", reason="NodeLost", message="pi-2 is silent", about=gone)
    told = RecordedEvent(id=1, event=event, count=3, first_at=NOW - 9, last_at=NOW - 5)
    return overview(
        "home", nodes(), NOW, desired=desired, plan=plan, converged="b" * 40, events=[told], **more
    )  # type: ignore[arg-type] # one of overview's own keywords


def lines(of: Overview) -> list[str]:
    return plain(page(of, NOW)).splitlines()


def test_the_first_lines_say_what_goes_on_and_why() -> None:
    assert lines(seen(message="waiting for pi-2"))[:5] == [
        "fleet home: progressing",
        "  Deployment default/web: waiting for pi-2",
        "revision aaaaaaa Bump web to v2, last converged bbbbbbb",
        "wait for web-7f9c-1: its node is silent",
        "note: nothing is pruned",
    ]


def test_what_fails_again_and_again_is_in_the_head() -> None:
    said = "failed to prepare pi-1 (3 times): the pod range overlaps; choose another"
    assert said in lines(seen(failing=(said,)))[:6]


def test_a_failure_says_what_to_do_about_it() -> None:
    head = lines(seen("failed", "no progress for 10m"))
    assert head[1] == "  Deployment default/web: no progress for 10m"
    assert head[2] == "  it is rolled no further until its manifest changes: push a fix, or revert"


def test_what_was_aborted_names_the_verb_that_tries_it_again() -> None:
    progress = Progress(rollouts={delivered.WEB: delivered.state(Delivery(stage="aborted"), message="bad")})
    plan = delivered.plan(progress, {delivered.WEB: delivered.verdict("failed")})
    plan = msgspec.structs.replace(plan, standing="failed")
    of = overview("home", delivered.both_sets(), NOW, desired=delivered.desired(), plan=plan)
    text = lines(of)
    assert not any("push a fix" in line for line in text)
    (row,) = [line for line in text if line.startswith("Rollout default/web")]
    assert row.split()[6:8] == ["failed", "aborted"]
    assert row.endswith("aborted: bad; `reconciler rollout retry web -n default` tries it again")
    assert "DELIVERY" not in "\n".join(lines(seen()))


def test_without_a_message_the_counts_say_it() -> None:
    assert lines(seen())[1] == "  Deployment default/web: 1 of 2 pods available, 1 updated"


def test_the_tables() -> None:
    text = "\n".join(lines(seen(message="waiting")))
    for row in (
        ("Deployment default/web", "2", "1", "1", "1", "progressing", "waiting"),
        ("default/web-7f9c-0", "pi-1", "10.42.1.5", "1/1", "Running", "2", "1m15s"),
        ("pi-1", "Ready", "1", "4", "8Gi", "amd64", "20.10.24"),
        ("pi-2", "NotReady", "0", "for 30s: no route to host"),
        ("5s", "Warning", "NodeLost", "Node pi-2", "pi-2 is silent (3 times)"),
    ):
        assert any(all(cell in line for cell in row) for line in text.splitlines()), row


def with_network() -> Overview:
    return msgspec.structs.replace(
        seen(),
        services=(
            ServiceLine(
                namespace="default", name="web", type="NodePort", ip="10.43.7.7", external=(),
                ports=("80:30080/TCP",), ready=1, endpoints=2,
            ),
            ServiceLine(
                namespace="lan", name="dns", type="LoadBalancer", ip="10.43.9.9", external=(),
                ports=("53/UDP", "53/TCP"), ready=0, endpoints=0, message="no pod matches its selector",
            ),
        ),
        ingresses=(
            IngressLine(
                namespace="default", name="site", hosts=("a.lan",), addresses=("192.168.1.11",),
                paths=tuple(f"a.lan/{n} -> web:80" for n in range(5)), tls=("a.lan",),
            ),
        ),
        nodes=tuple(
            msgspec.structs.replace(n, data_plane="running", traffic="behind", complaints=("80 is taken",))
            for n in seen().nodes
        ),
    )  # fmt: skip


def test_services_ingresses_and_data_planes() -> None:
    said = lines(with_network())
    begin = next(i for i, line in enumerate(said) if line.startswith("NAMESPACE"))
    assert [line.split()[:7] for line in said[begin : begin + 3]] == [
        ["NAMESPACE", "NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORTS", "ENDPOINTS"],
        ["default", "web", "NodePort", "10.43.7.7", "-", "80:30080/TCP", "1/2"],
        ["lan", "dns", "LoadBalancer", "10.43.9.9", "<pending>", "53/UDP,53/TCP", "0/0"],
    ]
    text = "\n".join(said)
    assert "/0 -> web:80, /1 -> web:80, /2 -> web:80 + 2 more" in text
    assert "running, behind" in text
    assert "no route to host; 80 is taken" in text


def test_a_fleet_without_services_has_no_table_of_them() -> None:
    assert not any("CLUSTER-IP" in line or "HOSTS" in line for line in lines(seen()))


def test_a_column_with_nothing_to_say_is_left_out() -> None:
    text = "\n".join(lines(seen()))
    assert "WHY" not in text.split("NODE  ")[0].split("POD ")[0]


def test_a_refused_revision_and_a_dead_source_are_said() -> None:
    refused = Revision(id="c" * 40)
    said = lines(seen(refused=refused, refused_because="web.yaml:3 no image", source_error="timed out"))
    assert "revision ccccccc is refused: web.yaml:3 no image" in said
    assert "the source can't be read: timed out" in said


def test_very_many_findings_leave_room_for_the_tables() -> None:
    findings = "\n".join(f"web.yaml:{n} wrong" for n in range(500))
    said = lines(seen(refused=Revision(id="c" * 40), refused_because=findings))
    assert "  (and 492 more)" in said
    assert len(said) < 40


def test_watching_shows_changes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = iter([seen(), msgspec.structs.replace(seen(), at=NOW + 1), seen("converged")])
    monkeypatch.setattr(status, "look", lambda _: next(passes))
    monkeypatch.setattr("time.sleep", lambda _: None)
    changes = status._changes(fleet())
    assert [next(changes).standing, next(changes).standing] == ["progressing", "converged"]


def test_when_all_is_well_the_first_lines_say_so() -> None:
    said = lines(seen("converged"))
    assert said[:2] == ["fleet home: converged", "  everything is as aaaaaaa wants it, but for the notes"]
    assert said[2] == "revision aaaaaaa Bump web to v2"


def test_without_a_note_nothing_is_held_back() -> None:
    plan = Plan(revision="a" * 40, verdicts={}, standing="converged")
    desired = Desired(fleet=fleet(), revision=Revision(id="a" * 40))
    assert (
        overview("home", nodes(), NOW, desired=desired, plan=plan).why == "everything is as aaaaaaa wants it"
    )


def test_a_reconciler_that_hangs_shows() -> None:
    assert "the last pass was 10m ago" in plain(page(seen(), NOW + 600))


AGES = {None: "-", NOW: "0s", NOW - 75: "1m15s", NOW - 7200: "2h", NOW - 9e5: "10d", NOW + 5: "0s"}


@pytest.mark.parametrize(("since", "text"), AGES.items())
def test_ages(since: float | None, text: str) -> None:
    assert age(since, NOW) == text


@pytest.mark.parametrize("width", [60, 100, 200])
def test_on_a_terminal_nothing_is_wider_than_it(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(
        picture(msgspec.structs.replace(with_network(), why="x " * 90), NOW)
    )
    assert "fleet home: progressing" in out.getvalue()
    assert max(len(line) for line in out.getvalue().splitlines()) <= width


class FakeDaemon:
    def __init__(self) -> None:
        self.followers, self.metrics = Followers(), Metrics("home")

    def overview(self) -> Overview:
        return seen()

    def healthy(self) -> tuple[bool, str]:
        return True, "ok"

    def wake(self) -> None: ...


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wiring, "lock_dir", lambda: tmp_path / "locks")
    monkeypatch.setattr(wiring, "observe_once", lambda _: nodes())
    path = tmp_path / "nodes.yaml"
    path.write_text(INVENTORY)
    return path


def run(inventory: Path, *more: str) -> str:
    result = CliRunner().invoke(command, ["-f", str(inventory), *more], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_it_asks_the_running_reconciler(inventory: Path, tmp_path: Path) -> None:
    with FleetLock("home", tmp_path / "locks") as lock:
        server = ApiServer(None, tmp_path / "api.sock", FakeDaemon())
        server.start()
        lock.serves(unix_socket=tmp_path / "api.sock")
        try:
            assert run(inventory).startswith("fleet home: progressing")
            told = msgspec.json.decode(run(inventory, "-o", "json"), type=Overview)
        finally:
            server.stop()
    assert told == seen()


def test_a_reconciler_of_another_version_is_told_from_none(inventory: Path, tmp_path: Path) -> None:
    class Newer(FakeDaemon):
        def overview(self) -> Overview:
            return msgspec.structs.replace(super().overview(), at="noon")

    with FleetLock("home", tmp_path / "locks") as lock:
        server = ApiServer(None, tmp_path / "api.sock", Newer())
        server.start()
        lock.serves(unix_socket=tmp_path / "api.sock")
        try:
            with pytest.raises(UsageError, match="another version"):
                run(inventory)
        finally:
            server.stop()


def test_one_of_another_user_is_found_by_its_address(inventory: Path) -> None:
    server = ApiServer("127.0.0.1:0", None, FakeDaemon())
    server.start()
    try:
        inventory.write_text(INVENTORY.replace("127.0.0.1:1", str(server.address)))
        assert run(inventory).startswith("fleet home: progressing")
        inventory.write_text(inventory.read_text().replace("name: home", "name: other"))
        assert run(inventory).startswith("fleet other: no reconciler runs")
    finally:
        server.stop()


def test_without_a_reconciler_it_asks_the_nodes(inventory: Path) -> None:
    said = run(inventory)
    assert said.startswith("fleet home: no reconciler runs on this machine\n  this is what its nodes hold\n")
    assert "Deployment default/web" in said
    assert "web-7f9c-0" in said
