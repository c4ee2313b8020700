"""Signatures, by the forges' own published examples where there are some."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.source.webhook import verify

SECRET = b"It's a Secret to Everybody"
BODY = b"Hello, World!"
SIGNED = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""GitHub: "Validating webhook deliveries", the example to test an implementation with."""


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha256={SIGNED}"},
        {"x-hub-signature-256": f"sha256={SIGNED.upper()}"},
        {"X-Gitea-Signature": SIGNED},
        {"X-Forgejo-Signature": SIGNED},
        {
            "X-Forgejo-Signature": SIGNED,
            "X-Gitea-Signature": SIGNED,
            "X-Hub-Signature-256": f"sha256={SIGNED}",
        },
        {"X-Gitlab-Token": SECRET.decode()},
    ],
)
def test_what_a_forge_signed_is_right(headers: dict[str, str]) -> None:
    assert verify(headers, BODY, SECRET) is None


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "no signature"),
        ({"X-Hub-Signature": f"sha1={SIGNED}"}, "no signature"),
        ({"X-Hub-Signature-256": ""}, "x-hub-signature-256 is wrong"),
        ({"X-Hub-Signature-256": f"sha256={SIGNED[:-1]}0"}, "x-hub-signature-256 is wrong"),
        ({"X-Hub-Signature-256": "sha256=ä\udcff"}, "x-hub-signature-256 is wrong"),
        ({"X-Gitea-Signature": "0" * 64}, "x-gitea-signature is wrong"),
        ({"X-Gitlab-Token": "guess"}, "x-gitlab-token is wrong"),
        ({"X-Gitlab-Token": ""}, "x-gitlab-token is wrong"),
        ({"X-Gitea-Signature": SIGNED, "X-Hub-Signature-256": "sha256=0"}, "x-hub-signature-256 is wrong"),
    ],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str], said: str) -> None:
    why = verify(headers, BODY, SECRET)
    assert why is not None and said in why
    assert SECRET.decode() not in why


def test_without_a_secret_nothing_is_right() -> None:
    empty = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    assert verify({"X-Gitea-Signature": empty, "X-Gitlab-Token": ""}, BODY, b"") is not None


@given(st.binary(), st.binary(min_size=1), st.binary(min_size=1))
def test_only_the_same_secret_verifies(body: bytes, secret: bytes, other: bytes) -> None:
    signed = hmac.new(secret, body, hashlib.sha256).hexdigest()
    same = hmac.new(other, body, hashlib.sha256).hexdigest() == signed
    assert verify({"X-Gitea-Signature": signed}, body, secret) is None
    assert (verify({"X-Gitea-Signature": signed}, body, other) is None) == same
