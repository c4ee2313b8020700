"""Whether a webhook call really comes from the forge: its signature, nothing else. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

SHA256_HEADERS = ("x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature")
"""HMAC-SHA256 of the body, in hex: GitHub (and what speaks like it), Gitea, Forgejo."""
TOKEN_HEADER = "x-gitlab-token"
"""GitLab sends the secret itself."""


def verify(headers: Mapping[str, str], body: bytes, secret: bytes) -> str | None:
    """None when the call is signed with `secret`, else why it is refused (for the log; no secret in it).

    Every signature that is there must be right: Gitea sends several. Compared in constant time. Header
    names may be in any case. GitHub: "Validating webhook deliveries"; GitLab: "Webhooks, secret token".
    """
    if not secret:
        return "no secret is set: spec.serve.webhook.secretFile is empty"
    given = {name.lower(): value for name, value in headers.items()}
    present = [name for name in (*SHA256_HEADERS, TOKEN_HEADER) if name in given]
    if not present:
        expected = "X-Hub-Signature-256, X-Gitea-Signature, X-Forgejo-Signature or X-Gitlab-Token"
        return f"no signature: expected a header {expected}; set a secret at the forge"
    wrong = [name for name in present if not _right(name, given[name], body, secret)]
    return f"the signature in {wrong[0]} is wrong: the forge's secret isn't this one" if wrong else None


def _right(name: str, value: str, body: bytes, secret: bytes) -> bool:
    sent = value.strip().encode("utf-8", "surrogateescape")
    if name == TOKEN_HEADER:
        return hmac.compare_digest(sent, secret)
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    return hmac.compare_digest(sent.removeprefix(b"sha256=").lower(), expected)
