"""Certificates for hosts on the lab, the Secrets that hold them, and which one a server shows."""

from __future__ import annotations

import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Pair(NamedTuple):
    """A certificate, signed by itself, and its key; both PEM."""

    certificate: str
    key: str

    @property
    def serial(self) -> int:
        return x509.load_pem_x509_certificate(self.certificate.encode()).serial_number


def pair(*hosts: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(certificate.decode(), plain.decode())


def secret(name: str, found: Pair) -> str:
    data = json.dumps({"tls.crt": found.certificate, "tls.key": found.key})
    return f"""
---
apiVersion: v1
kind: Secret
metadata: {{name: {name}}}
type: kubernetes.io/tls
stringData: {data}
"""


def shown(address: str, host: str, port: int = 443) -> x509.Certificate:
    """The certificate that the server at `address` shows to who asks for `host`. Raises OSError."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, port), 3) as plain,
        context.wrap_socket(plain, server_hostname=host) as safe,
    ):
        raw = safe.getpeercert(binary_form=True)
    assert raw is not None
    return x509.load_der_x509_certificate(raw)
