"""A real HAProxy on loopback, with what `files` renders; and the session that gives it commands.

Nothing is NATed here, so the original destination is the address that was bound: the services' frontend gets
a bind for each `ip:port` of the map, and the folder is one of the test's.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.engine.rendering import change, files
from reconciler.model.traffic import NodeTraffic
from tests.engine.rendering.pod import until


def write(folder: Path, traffic: NodeTraffic, certificates: dict[str, bytes] | None = None) -> Path:
    for path, content in files(traffic, certificates or {}).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.replace(b"/net/", f"{folder}/".encode()))
    (folder / "run").mkdir(exist_ok=True)
    return folder / "haproxy.cfg"


def check(folder: Path, traffic: NodeTraffic, certificates: dict[str, bytes] | None = None) -> str:
    """What `haproxy -c` has to say, without its notices."""
    config = write(folder, traffic, certificates)
    found = subprocess.run(["haproxy", "-c", "-f", str(config)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return "\n".join(line for line in found.stderr.splitlines() if not line.startswith("[NOTICE]"))


class Proxy:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.traffic: NodeTraffic | None = None
        self.certificates: dict[str, bytes] = {}

    def publish(self, traffic: NodeTraffic) -> bool:
        """As a node does it: files, commands, and a reload if one is needed. Was one?"""
        config = write(self.folder, traffic, self.certificates)
        self._bind_on_loopback(config)
        step = change(self.traffic, traffic)
        for command in step.commands:
            self.obey(command)
        if step.reload:
            self.reload()
        self.traffic = traffic
        return step.reload

    def obey(self, command: str) -> None:
        """What was shut down takes a moment to be gone; until then a server can't be deleted."""
        deadline = time.monotonic() + 30
        while "still has connections" in (answer := self.ask(command)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert answer in ("", "New server registered.", "Server deleted."), f"{command}: {answer}"

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.folder / "run/haproxy.sock"))
            line.sendall(_hastened(command).replace("/net/", f"{self.folder}/").encode() + b"\n")
            return b"".join(iter(lambda: line.recv(65536), b"")).decode().strip()

    def reload(self) -> None:
        """Returns when the new one is there and no old one takes a connection any more."""
        config, listening = str(self.folder / "haproxy.cfg"), str(self.folder / "run/haproxy.sock")
        old = [str(process.pid) for process in self.processes if process.poll() is None]
        handover = ["-x", listening, "-sf", *old] if old else []
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen(["haproxy", "-db", "-f", config, *handover], stderr=log))
        self._await_new()
        until(lambda: not any(map(_listens, old)))

    def servers(self, backend: str) -> dict[str, str]:
        """State of each server of a backend, as HAProxy sees it."""
        rows = [line.split(",") for line in self.ask("show stat").splitlines()]
        return {row[1]: row[17] for row in rows if row[0] == backend and row[1] != "BACKEND"}

    def stop(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()

    def _await_new(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError):
                if f"Pid: {self.processes[-1].pid}\n" in self.ask("show info"):
                    return
            assert self.processes[-1].poll() is None, (self.folder / "log").read_text()
            time.sleep(0.01)
        raise AssertionError((self.folder / "log").read_text())

    def _bind_on_loopback(self, config: Path) -> None:
        keys = [line.split()[0] for line in (self.folder / "maps/services.map").read_text().splitlines()]
        binds = "".join(f"  bind {key}\n" for key in keys)
        text = re.sub(r"  bind 10\.42\.1\.1:15000\n", binds, config.read_text())
        # Another user couldn't get into the test's folder.
        text = re.sub(r"  (user|group) haproxy\n| user haproxy\b", "", text)
        if os.getuid():
            text = re.sub(r" transparent\b", "", text)
        config.write_text(_hastened(text))


def _listens(pid: str) -> bool:
    """Whether it still accepts TCP connections, as it may until it has read the signal that it was sent."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
    return any(one in listening for one in _opened(pid))


def _opened(pid: str) -> Iterator[str]:
    with suppress(OSError):  # it has ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # or closed it just now
                yield str(file.readlink())


def _hastened(text: str) -> str:
    """The same in less time: how long an idle connection keeps a server from being deleted."""
    return text.replace("pool-purge-delay 1s", "pool-purge-delay 50ms")


@contextmanager
def running(
    folder: Path, traffic: NodeTraffic, certificates: dict[str, bytes] | None = None
) -> Iterator[Proxy]:
    proxy = Proxy(folder)
    proxy.certificates = certificates or {}
    try:
        proxy.publish(traffic)
        yield proxy
    finally:
        proxy.stop()
