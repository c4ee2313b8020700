"""dnsmasq with our files, asked over UDP."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.engine.rendering import files
from reconciler.model.traffic import Name
from tests.engine.rendering.proxy import write
from tests.engine.rendering.samples import traffic
from tests.ports import free_port

pytestmark = pytest.mark.programs("dnsmasq")

A, PTR, AAAA = 1, 12, 28
NXDOMAIN = 3
IP = "127.0.94.1"

FLEET = traffic(
    names=(
        Name(name="web.default.svc.cluster.local", addresses=("10.43.7.7",)),
        Name(name="db.default.svc.cluster.local", addresses=("10.42.1.5", "10.42.2.5")),
        Name(name="out.default.svc.cluster.local", target="example.org"),
    )
)


class Dns:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, name: str, kind: int = A) -> tuple[int, int, set[str]]:
        """The code, the shortest time to live and the addresses of an answer (RFC 1035, 4)."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        question = labels + b"\0" + struct.pack("!HH", kind, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.settimeout(10)
            line.connect((IP, self.port))
            line.send(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question)
            answer = line.recv(4096)
        count, code = struct.unpack("!H", answer[6:8])[0], answer[3] & 15
        records = [answer[12 + len(question) + 16 * number :][:16] for number in range(count)]
        ttl = min((struct.unpack("!I", record[6:10])[0] for record in records), default=0)
        return code, ttl, {socket.inet_ntoa(record[12:16]) for record in records if kind == A}


@pytest.fixture
def dns(tmp_path: Path) -> Iterator[Dns]:
    write(tmp_path, FLEET)
    (tmp_path / "run/external-hosts").write_text("93.184.216.34 out.default.svc.cluster.local\n")
    port, config = free_port(), tmp_path / "dnsmasq.conf"
    text = config.read_text().replace("10.42.1.1", IP).replace("15053", str(port))
    text = text.replace("/etc/resolv.conf", "/dev/null")  # nothing leaves this machine
    config.write_text(text.replace("user=dnsmasq", "user=root") if os.getuid() == 0 else text)
    process = subprocess.Popen(
        ["dnsmasq", "-k", "-C", str(config), "--pid-file=", "--log-facility=/dev/null"]
    )
    found = Dns(port)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):
            found.ask("web.default.svc.cluster.local")
            break
        assert process.poll() is None
        time.sleep(0.02)
    yield found
    process.kill()
    process.wait()


def test_names_of_the_fleet(dns: Dns) -> None:
    assert dns.ask("web.default.svc.cluster.local") == (0, 5, {"10.43.7.7"})
    assert dns.ask("db.default.svc.cluster.local") == (0, 5, {"10.42.1.5", "10.42.2.5"})
    assert dns.ask("out.default.svc.cluster.local") == (0, 5, {"93.184.216.34"})
    assert dns.ask("web.default.svc.cluster.local", AAAA) == (0, 0, set()), "no such address, but the name"
    assert dns.ask("example.org.default.svc.cluster.local")[0] == NXDOMAIN
    assert dns.ask("7.7.43.10.in-addr.arpa", PTR)[0] == 0
    assert dns.ask("9.9.43.10.in-addr.arpa", PTR)[0] == NXDOMAIN


def test_the_files() -> None:
    found = files(FLEET, {})
    assert found["hosts"].decode() == (
        "10.43.7.7 web.default.svc.cluster.local\n"
        "10.42.1.5 db.default.svc.cluster.local\n"
        "10.42.2.5 db.default.svc.cluster.local\n"
    )
    assert found["externals"] == b"out.default.svc.cluster.local example.org\n"
    assert (
        found["dnsmasq.conf"].decode()
        == """\
port=15053
listen-address=10.42.1.1
bind-interfaces
user=dnsmasq
no-hosts
addn-hosts=/net/hosts
addn-hosts=/net/run/external-hosts
local=/cluster.local/
local=/42.10.in-addr.arpa/
local=/43.10.in-addr.arpa/
local-ttl=5
resolv-file=/etc/resolv.conf
cache-size=1000
dns-forward-max=500
"""
    )
