"""A certificate that we have, with its private key: one PEM text, so that the two can't come apart."""

from __future__ import annotations

from base64 import b64encode

from reconciler.certificates.wanted import Wish
from reconciler.model.base import Value
from reconciler.model.config import Secret
from reconciler.model.meta import ObjectMeta

KEY_BEGINS = "-----BEGIN PRIVATE KEY-----"


class Held(Value):
    """`chain` and `key` in PEM; `begins` and `ends` in seconds since the epoch."""

    chain: str
    key: str
    hosts: tuple[str, ...]
    begins: float
    ends: float

    def __repr__(self) -> str:
        """Never the key: a repr ends up in logs and assertion messages."""
        return f"Held({', '.join(self.hosts)} until {self.ends:.0f})"

    @property
    def pem(self) -> str:
        return self.key + self.chain


def read(pem: str) -> Held:
    """`pem` is the key and then the chain. Raises `ValueError`, which quotes nothing of it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    begin = pem.find("-----BEGIN CERTIFICATE-----")
    if not pem.startswith(KEY_BEGINS) or begin < 0:
        raise ValueError("it doesn't hold a private key and a certificate")
    key, chain = pem[:begin], pem[begin:]
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    if load_pem_private_key(key.encode(), None).public_key() != leaf.public_key():
        raise ValueError("its private key isn't the certificate's")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return Held(
        chain=chain,
        key=key,
        hosts=tuple(sorted(name.lower() for name in names.get_values_for_type(x509.DNSName))),
        begins=leaf.not_valid_before_utc.timestamp(),
        ends=leaf.not_valid_after_utc.timestamp(),
    )


def serves(held: Held, wish: Wish, now: float) -> bool:
    """It is of use. While one for more hosts is being obtained, the old one goes on for its own."""
    return now < held.ends and bool(set(wish.hosts) & set(held.hosts))


def as_secret(held: Held, wish: Wish) -> Secret:
    return Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name=wish.secret, namespace=wish.namespace),
        type="kubernetes.io/tls",
        data={"tls.crt": _base64(held.chain), "tls.key": _base64(held.key)},
    )


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
