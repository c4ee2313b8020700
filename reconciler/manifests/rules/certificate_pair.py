"""Do a certificate and a key belong together? Both are looked at and never shown."""

from __future__ import annotations


def unfit(certificate: bytes, key: bytes) -> tuple[str, str]:
    """What is wrong with this PEM and what to do; both empty when a server can use it."""
    from cryptography.exceptions import UnsupportedAlgorithm  # some 100 ms, for those who have TLS
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        chain = load_pem_x509_certificates(certificate)
        public = chain[0].public_key().public_bytes(*form)
        others = [one.public_key().public_bytes(*form) for one in chain[1:]]
    except (ValueError, UnsupportedAlgorithm):
        return "tls.crt that can't be read", "copy it again, from its first ----- to its last"
    try:
        own = load_pem_private_key(key, None).public_key().public_bytes(*form)
    except TypeError:
        return "tls.key that needs a password", "openssl pkey -in KEY writes it without"
    except (ValueError, UnsupportedAlgorithm):
        return "tls.key that can't be read", "copy it again, from its first ----- to its last"
    if own == public:
        return "", ""
    if own in others:
        return "tls.crt in which the chain comes first", "put the certificate of tls.key at the beginning"
    return "tls.key of another certificate than tls.crt", "take both from the same place"
