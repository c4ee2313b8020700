"""Let's Encrypt's Pebble, a real ACME server, and a DNS server for which every name is the same address.

Both run on loopback, on ports of their own, and end with the test, however that ends. Debian's package is
`pebble`.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reconciler.model.fleet import ACMESpec
from tests.ports import free_port

QUICK = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}


class Pebble(NamedTuple):
    """`http_port` is where it looks for challenges, in place of port 80."""

    directory: str
    ca_file: Path
    http_port: int

    @property
    def spec(self) -> ACMESpec:
        return ACMESpec(email="admin@example.org", directory=self.directory, ca_file=str(self.ca_file))


@contextmanager
def pebble(
    folder: Path, *, reuse: int = 0, address: str = "127.0.0.1", http_port: int = 0
) -> Iterator[Pebble]:
    """Every name is `address`; challenges are looked for on its `http_port`, 0: any that is free here.

    `reuse`: how often, in percent, a host that was validated needn't be validated again.
    """
    api, management, http, tls, dns, dns_management = (free_port() for _ in range(6))
    http = http_port or http
    _write_certificate(folder)
    config = {
        "listenAddress": f"127.0.0.1:{api}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "server.pem"),
        "privateKey": str(folder / "server.key"),
        "httpPort": http,
        "tlsPort": tls,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    names = [
        "pebble-challtestsrv",
        "-dns01",
        f"127.0.0.1:{dns}",
        "-management",
        f"127.0.0.1:{dns_management}",
    ]
    names += ["-defaultIPv4", address, "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]
    server = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    found = Pebble(f"https://localhost:{api}/dir", folder / "server.pem", http)
    with ExitStack() as stack:
        stack.enter_context(_running(names, folder))
        process = stack.enter_context(_running([*server, "-strict"], folder, PEBBLE_AUTHZREUSE=str(reuse)))
        _wait(found, process, folder / "pebble.log")
        yield found


@contextmanager
def _running(command: list[str], folder: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(  # setpriv: the kernel ends it with us, even when we are killed
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdout=log,
            stderr=log,
            env={**os.environ, **QUICK, **env},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(server: Pebble, process: subprocess.Popen[bytes], log: Path) -> None:
    trust = ssl.create_default_context(cafile=str(server.ca_file))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    for _ in range(1200):  # it makes keys first: slowly on a busy machine
        assert process.poll() is None, log.read_text()
        try:
            opener.open(server.directory, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"pebble doesn't answer: {log.read_text()}")


def _write_certificate(folder: Path) -> None:
    """Its own for HTTPS, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "server.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(plain)
