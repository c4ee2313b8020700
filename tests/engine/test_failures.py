"""What Engines say, and what that means. The messages are Docker's own, of 20.10 to 28."""

from __future__ import annotations

import pytest

from reconciler.engine.connection.failures import broken, refusal
from reconciler.errors import (
    Conflict,
    ContainerFailed,
    DiskFull,
    EngineError,
    ImageUnavailable,
    NodeUnreachable,
    NotFound,
    PortTaken,
)

SAID = [
    ("POST", "/containers/create", 404, "No such image: web:v9", ImageUnavailable),
    ("POST", "/images/create", 404, "manifest for web:v9 not found: manifest unknown", ImageUnavailable),
    ("POST", "/images/create", 404, "pull access denied for x, repository does not exist", ImageUnavailable),
    ("POST", "/images/create", 500, 'Get "https://r/v2/": dial tcp: connection refused', ImageUnavailable),
    (
        "POST",
        "/images/create",
        500,
        "toomanyrequests: You have reached your pull rate limit",
        ImageUnavailable,
    ),
    ("POST", "/images/create", 500, "write /var/lib/docker/tmp/x: no space left on device", DiskFull),
    ("POST", "/containers/x/start", 500, "Bind for 0.0.0.0:80 failed: port is already allocated", PortTaken),
    ("POST", "/containers/x/start", 500, "listen tcp4 :80: bind: address already in use", PortTaken),
    ("POST", "/containers/create", 409, 'Conflict. The container name "/a" is already in use', Conflict),
    ("DELETE", "/containers/x", 409, "removal of container x is already in progress", Conflict),
    ("POST", "/containers/x/start", 400, 'exec: "nope": executable file not found in $PATH', ContainerFailed),
    ("POST", "/containers/create", 400, "invalid mount config for type bind", ContainerFailed),
    ("GET", "/containers/x/json", 404, "No such container: x", NotFound),
    ("POST", "/containers/x/start", 404, "No such container: x", NotFound),
    ("POST", "/networks/create", 403, "Pool overlaps with other one on this address space", EngineError),
]


@pytest.mark.parametrize(("method", "path", "status", "message", "kind"), SAID)
def test_each_refusal_becomes_its_error(
    method: str, path: str, status: int, message: str, kind: type[EngineError]
) -> None:
    error = refusal("pi-1", method, path, status, message)
    assert type(error) is kind
    assert error.node == "pi-1"
    assert message in str(error)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("no matching manifest for linux/arm/v7 in the manifest list entries", "architecture"),
        ("pull access denied for x", "imagePullSecrets"),
        ("Get https://r/v2/web/manifests/v1: no basic auth credentials", "imagePullSecrets"),
        ("Get https://r/v2/: unauthorized: incorrect username or password", "imagePullSecrets"),
        ("unexpected status from HEAD request to https://r/v2/x: 403 Forbidden", "imagePullSecrets"),
        ("Get https://r/v2/: http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("Get https://r/v2/: tls: failed to verify certificate: x509: unknown authority", "certs.d"),
        ("received unexpected HTTP status: 503 Service Unavailable", "in trouble"),
        ("dial tcp: lookup r on 192.0.2.53:53: server misbehaving", "reach the registry"),
        ("Get https://r/v2/: EOF", "reach the registry"),
        ("manifest for r/web:v9 not found: manifest unknown", "name and tag"),
        ("toomanyrequests: rate", "mirror"),
        ("dial tcp 10.0.0.1:5000: connect: connection refused", "reach the registry"),
        ("manifest unknown", "tag"),
    ],
)
def test_a_failed_pull_says_what_to_do(message: str, hint: str) -> None:
    assert hint in refusal("pi-1", "POST", "/images/create", 500, message).remedy


def test_a_refusal_without_words_still_says_something() -> None:
    assert "HTTP 502" in str(refusal("pi-1", "GET", "/info", 502, "  "))


def test_a_broken_connection_is_the_nodes_failure() -> None:
    assert "no answer in time to GET /info" in str(broken("pi-1", "GET /info", TimeoutError()))
    assert "ConnectionResetError" in str(broken("pi-1", "GET /info", ConnectionResetError()))
    already = NodeUnreachable("gone", node="pi-1")
    assert broken("pi-1", "GET /info", already) is already
