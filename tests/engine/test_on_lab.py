"""Real sshds and real Engines: every way in, every refusal, and what happens when a link is cut."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.fitness.doctor import examine
from reconciler.engine.fitness.report import Report
from reconciler.engine.fitness.trust import fetch, pin
from reconciler.errors import (
    HostKeyRefused,
    ImageUnavailable,
    LoginRefused,
    NodeUnreachable,
)
from reconciler.lab import Lab
from tests.engine.sshd import spec_of, sshd
from tests.fleet.site import until

pytestmark = pytest.mark.fleet


def keygen(path: Path, passphrase: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True, timeout=20
    )
    return path


def status(report: Report, name: str) -> str:
    return next(c.status for c in report.checks if c.name == name)


@pytest.fixture
def engine(lab: Lab) -> Engine:
    return connect(spec_of(lab))


def test_calls_streams_and_shells_over_one_connection(lab: Lab, engine: Engine) -> None:
    assert engine.call("GET", "/info")["Name"] == lab.nodes[0].name
    assert engine.run("echo out; echo err >&2; exit 4") == (4, b"out\nerr\n")
    assert abs(engine.ping() - time.time()) < 30
    with pytest.raises(ImageUnavailable):
        engine.call("GET", "/images/nope:1/json")
    engine.close()
    with pytest.raises(NodeUnreachable):
        engine.call("GET", "/info")


def test_a_large_answer_arrives_whole(lab: Lab, engine: Engine) -> None:
    """2 MiB is the channel's window: beyond it, flow control must work."""
    image = lab.docker(lab.nodes[0].name, "images", "-q").split()[0]
    with engine.stream("GET", f"/images/{image}/get") as chunks:
        got = sum(len(c) for c in chunks)
    name = lab.nodes[0].name
    assert got == int(lab.exec(name, ["sh", "-c", f"docker save {image} | wc -c"]).stdout)


def test_dial_tells_a_refusal_from_a_lost_node(lab: Lab, engine: Engine) -> None:
    stream = engine.dial(lab.nodes[0].ip, 22, 5)
    assert stream.recv(4) == b"SSH-"
    stream.close()
    with pytest.raises(ConnectionRefusedError):
        engine.dial("127.0.0.1", 9, 5)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        engine.dial("198.51.100.1", 80, 0.5)
    assert time.monotonic() - began < 30, "a connection that nobody answers takes minutes"


def test_twenty_threads_share_a_connection(engine: Engine) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                assert engine.call("GET", "/containers/json") == []
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_an_unknown_host_key_is_refused_before_the_login(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(HostKeyRefused, match="is unknown"):
        connect(spec_of(lab, host_key="", known_hosts_file=str(tmp_path / "none")))


def test_a_changed_host_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other").with_suffix(".pub").read_text()
    with pytest.raises(HostKeyRefused, match="CHANGED"):
        connect(spec_of(lab, host_key=other))


def test_a_key_of_a_type_that_sshd_lacks_is_refused_too(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "rsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(path)], check=True, timeout=60)
    with pytest.raises(HostKeyRefused):
        connect(spec_of(lab, host_key=path.with_suffix(".pub").read_text()))


def test_trust_pins_what_check_then_accepts(lab: Lab, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    spec = spec_of(lab, host_key="", known_hosts_file=str(known))
    offer = fetch(spec, tmp_path / "nodes.yaml")
    assert not offer.is_trusted
    assert not known.exists()
    pin(offer, tmp_path / "nodes.yaml")
    connect(spec).close()
    assert fetch(spec, tmp_path / "nodes.yaml").is_trusted


def test_a_wrong_key_is_named_with_what_to_do(lab: Lab, tmp_path: Path) -> None:
    wrong = keygen(tmp_path / "wrong")
    with pytest.raises(LoginRefused, match="wrong: refused") as raised:
        connect(spec_of(lab, identity_file=str(wrong)))
    assert "ssh-copy-id" in raised.value.remedy


def test_a_missing_key_file_is_named(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(LoginRefused, match="no such file"):
        connect(spec_of(lab, identity_file=str(tmp_path / "absent")))


def test_a_locked_key_says_how_to_unlock_it_and_the_agent_does(lab: Lab, tmp_path: Path) -> None:
    good = Path(spec_of(lab).identity_file)
    locked = tmp_path / "locked"
    locked.write_bytes(good.read_bytes())
    locked.chmod(0o600)
    locked.with_suffix(".pub").write_bytes(good.with_suffix(".pub").read_bytes())
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(locked)], check=True, timeout=20)
    spec = spec_of(lab, identity_file=str(locked))
    with pytest.raises(LoginRefused, match="ssh-add") as raised:
        connect(spec)
    assert "secret" not in str(raised.value)
    with agent(tmp_path / "agent", good):
        connect(spec).close()


@contextmanager
def agent(socket: Path, key: Path) -> Iterator[None]:
    """An ssh-agent that holds one key."""
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    add = ["ssh-add", "-q", str(key)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSH_AUTH_SOCK", str(socket))
        try:
            # Its socket is there a moment before it listens.
            until(lambda: subprocess.run(add, timeout=20, check=False).returncode == 0, "it has the key")
            yield
        finally:
            process.terminate()
            process.wait(10)


def test_a_user_of_the_docker_group_needs_no_root(lab: Lab, tmp_path: Path) -> None:
    spec = spec_of(lab, address=f"ssh://pi@{lab.nodes[0].ip}")
    link = connect(spec)
    assert link.run("id -un")[1] == b"pi\n"
    assert link.call("GET", "/info")["Name"] == lab.nodes[0].name
    link.close()


def test_a_user_who_may_not_use_docker_is_told_the_group(lab: Lab) -> None:
    node = lab.nodes[0]
    lab.exec(node.name, ["chmod", "600", "/run/docker.sock"])
    try:
        spec = spec_of(lab, address=f"ssh://pi@{node.ip}")
        with pytest.raises(LoginRefused, match="may not use") as raised:
            connect(spec).ping()
        assert "usermod -aG docker" in raised.value.remedy
        assert status(examine(spec), "docker") == "fail"
    finally:
        lab.exec(node.name, ["chmod", "660", "/run/docker.sock"])


def test_a_shell_that_runs_nothing_is_not_blamed_on_docker(lab: Lab, tmp_path: Path) -> None:
    nologin = "ForceCommand /usr/sbin/nologin"
    with sshd(lab, tmp_path, nologin, "AllowStreamLocalForwarding no") as spec:
        with pytest.raises(LoginRefused, match=r"login shell runs no commands.*not available"):
            connect(spec).ping()
        report = examine(spec)
        (docker,) = (c for c in report.checks if c.name == "docker")
        assert "login shell" in docker.found
        assert "usermod --shell" in docker.remedy
    with sshd(lab, tmp_path, nologin) as spec:
        assert status(examine(spec), "shell") == "fail"


def test_without_tcp_forwarding_the_doctor_says_what_to_allow(lab: Lab, tmp_path: Path) -> None:
    with sshd(lab, tmp_path, "AllowTcpForwarding no") as spec:
        engine = connect(spec)
        engine.call("GET", "/info")
        with pytest.raises(NodeUnreachable, match="TCP forwarding"):
            engine.dial("127.0.0.1", 22, 5)
        engine.close()
        report = examine(spec)
        assert status(report, "probes") == "fail"
        assert report.failed


def test_few_sessions_are_a_warning(lab: Lab, tmp_path: Path) -> None:
    with sshd(lab, tmp_path, "MaxSessions 2") as spec:
        report = examine(spec)
        assert status(report, "sessions") == "warn"
        assert not report.failed


def test_a_jump_host_is_passed_and_its_key_is_checked(lab: Lab, tmp_path: Path) -> None:
    jump = lab.nodes[1]
    through = f"root@{jump.ip}"
    engine = connect(spec_of(lab, jump=through))
    assert engine.call("GET", "/info")["Name"] == lab.nodes[0].name
    engine.close()
    report = examine(spec_of(lab, jump=through))
    assert status(report, f"login (jump host {jump.ip})") == "ok"
    assert not report.failed
    alone = tmp_path / "known_hosts"
    known = Path(spec_of(lab).known_hosts_file).read_text() if spec_of(lab).known_hosts_file else ""
    alone.write_text("".join(line + "\n" for line in known.splitlines() if jump.ip not in line))
    with pytest.raises(HostKeyRefused) as refused:
        connect(spec_of(lab, jump=through, known_hosts_file=str(alone)))
    with alone.open("a") as file:
        file.write(refused.value.remedy.rpartition(": ")[2] + "\n")
    connect(spec_of(lab, jump=through, known_hosts_file=str(alone))).close()


def test_a_healthy_node_has_nothing_to_mend(lab: Lab) -> None:
    report = examine(spec_of(lab))
    assert [c for c in report.checks if c.status == "fail"] == []
    names = {c.name for c in report.checks}
    assert {"reach", "host key", "login", "docker", "socket", "probes", "sessions", "memory", "disk"} <= names


def test_a_port_where_nobody_listens(lab: Lab) -> None:
    spec = spec_of(lab, address=f"ssh://root@{lab.nodes[0].ip}:2")
    with pytest.raises(NodeUnreachable, match="Connection refused"):
        connect(spec)
    assert examine(spec).failed


def test_a_stopped_engine_is_told_from_a_lost_node(clean_lab: Lab) -> None:
    name = clean_lab.nodes[0].name
    clean_lab.stop_engine(name)
    engine = connect(spec_of(clean_lab))
    with pytest.raises(NodeUnreachable, match="no Docker Engine answers"):
        engine.ping()
    clean_lab.start_engine(name)
    assert engine.ping() > 0
    engine.close()


def test_a_call_under_way_on_a_cut_link_ends_within_the_kernels_verdict(clean_lab: Lab) -> None:
    node = clean_lab.nodes[0]
    engine = connect(spec_of(clean_lab))
    engine.ping()
    ended: list[tuple[float, BaseException]] = []
    under_way = threading.Event()

    def wait_for_events() -> None:
        try:
            with engine.stream("GET", "/events", timeout=None) as chunks:
                under_way.set()
                list(chunks)
        except BaseException as error:
            ended.append((time.monotonic(), error))

    thread = threading.Thread(target=wait_for_events, daemon=True)
    thread.start()
    assert under_way.wait(30)
    clean_lab.cut(node.name)
    began = time.monotonic()
    thread.join(50)
    assert ended, "the call still waits"
    assert isinstance(ended[0][1], NodeUnreachable)
    assert ended[0][0] - began < 40
    assert not engine.alive
    clean_lab.heal(node.name)
    again = connect(msgspec.structs.replace(spec_of(clean_lab)))
    assert again.ping() > 0
    again.close()


def test_a_whole_fleet_comes_through_one_jump_host_at_once(lab: Lab) -> None:
    """sshd's MaxStartups drops newcomers at random from the tenth login on that is under way."""
    jump = lab.nodes[1]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            engine = connect(spec_of(lab, jump=f"root@{jump.ip}"), timeout=30)
            engine.ping()
            engine.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
