"""Files get to the node container as they are, however large: both ends of the conversation, no node."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.engine import node_image
from reconciler.engine.dataplane.session import put
from reconciler.engine.rendering import change, files
from reconciler.model.traffic import NodeTraffic, Slot
from tests.engine.rendering.pod import Pod, get
from tests.engine.rendering.proxy import running
from tests.engine.rendering.samples import service, traffic
from tests.ports import free_port

SCRIPT = Path(node_image.__file__).with_name("node.sh")


@pytest.mark.programs
@pytest.mark.parametrize("lines", [0, 1, 5000], ids=["empty", "small", "large"])
def test_a_file_arrives_as_it_was_sent(tmp_path: Path, lines: int) -> None:
    content = b"default_web_80.tcp default_web_80.http\n" * lines
    net, run = tmp_path / "net", tmp_path / "run"
    net.mkdir()
    run.mkdir()
    said = put("maps/http.map", content) + b"commit run\n"
    assert len(said) < 2000
    done = subprocess.run(
        ["sh", str(SCRIPT), "session"],
        input=said,
        env=os.environ | {"NET": str(net), "RUN": str(run)},
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == b"ok\n"
    assert not list(run.glob("next.*"))
    assert (net / "maps" / "http.map").read_bytes() == content


@pytest.mark.programs("haproxy", "socat")
def test_a_commit_switches_slots_and_lets_endpoints_come_and_go(tmp_path: Path) -> None:
    net, run, ip, port = tmp_path / "net", tmp_path / "run", "127.0.86.1", free_port()
    blue, green = Pod("127.0.86.2"), Pod("127.0.86.3")
    (run / "complaints").mkdir(parents=True)

    def published(live: Slot, *pods: tuple[Pod, Slot]) -> NodeTraffic:
        return traffic(service(*(pod.endpoint(slot=slot) for pod, slot in pods), ip=ip, port=port, live=live))

    steps = [
        published("a", (blue, "a")),
        published("b", (blue, "a"), (green, "b")),
        published("b", (green, "b")),
        published("a", (blue, "a"), (green, "b")),
    ]
    with running(net, steps[0]) as proxy:
        (run / "haproxy.pid").write_text(str(proxy.processes[0].pid))
        for before, after, answers in zip(steps, steps[1:], (green, green, blue), strict=False):
            commands = "".join(f"{line}\n" for line in change(before, after).commands)
            said = {
                "maps/live.map": files(after, {})["maps/live.map"],
                "commands": commands.replace("/net/", f"{net}/").encode(),
                "state.json": b"{}",
                "rendering": b"this",
            }
            done = subprocess.run(
                ["busybox", "sh", str(SCRIPT), "session"],
                input=b"".join(put(path, content) for path, content in said.items()) + b"commit run\n",
                env=os.environ | {"NET": str(net), "RUN": str(run)},
                capture_output=True,
                timeout=20,
                check=True,
            )
            assert done.stdout == b"ok\n"
            assert b"reloaded" not in done.stderr
            assert (net / "maps/live.map").read_bytes() == said["maps/live.map"]
            assert get((ip, port))[1]["pod"] == answers.ip
        assert proxy.servers(f"default_web_{port}.http.b").keys() == {f"pod-3_{green.ip}_{green.port}"}
    blue.stop()
    green.stop()


@pytest.mark.programs("haproxy", "socat")
def test_a_full_disk_keeps_no_pod_among_those_that_get_requests(tmp_path: Path) -> None:
    net, run, ip, port = tmp_path / "net", tmp_path / "run", "127.0.86.1", free_port()
    going, staying = Pod("127.0.86.4"), Pod("127.0.86.5")
    (run / "complaints").mkdir(parents=True)
    before = traffic(service(going.endpoint(), ip=ip, port=port))
    after = traffic(service(going.endpoint(state="draining"), staying.endpoint(), ip=ip, port=port))
    with running(net, before) as proxy:
        (run / "haproxy.pid").write_text(str(proxy.processes[0].pid))
        (net / "rendering").write_text("this")
        (net / "haproxy.cfg.new").symlink_to("/dev/full")
        said = {
            "haproxy.cfg": files(after, {})["haproxy.cfg"],
            "commands": "".join(f"{line}\n" for line in change(before, after).commands).encode(),
            "rendering": b"this",
        }
        done = subprocess.run(
            ["busybox", "sh", str(SCRIPT), "session"],
            input=b"".join(put(path, content) for path, content in said.items()) + b"steer\ncommit run\n",
            env=os.environ | {"NET": str(net), "RUN": str(run)},
            capture_output=True,
            timeout=20,
            check=True,
        )
        first, second = done.stdout.decode().splitlines()
        assert first == "ok"
        assert second.startswith("error ")
        assert "No space left" in second
        assert {get((ip, port))[1]["pod"] for _ in range(6)} == {staying.ip}
        assert not (net / "rendering").exists(), "nobody takes what is there for whole"
    going.stop()
    staying.stop()
