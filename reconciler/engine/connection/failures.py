"""What a Docker Engine's refusal means. The one place where its messages are read.

Engines say with a status code what kind of refusal it is and in words what was wrong; several
kinds share a code, so the words decide where they must.
"""

from __future__ import annotations

import re

from reconciler.errors import (
    AnswerUnreadable,
    Conflict,
    ContainerFailed,
    DiskFull,
    EngineError,
    ImageUnavailable,
    NodeError,
    NodeUnreachable,
    NotFound,
    PortTaken,
)

_DISK = re.compile(r"no space left on device|disk quota exceeded", re.I)
_PORT = re.compile(r"port is already allocated|address already in use|ports are not available", re.I)
_IMAGE = re.compile(
    r"no such image|manifest unknown|manifest for .* not found|pull access denied|repository does not exist"
    r"|unauthorized|no matching manifest|toomanyrequests|invalid reference format|image .* not found"
    r"|does not match the specified platform",
    re.I,
)
_PULL_PATH = re.compile(r"^/images/(create|[^?]*/json)")
_PULL_REFUSED = frozenset({401, 403, 404, 500, 502, 503})
_CONTAINER_PATH = re.compile(r"^/(containers/(create|[^/]+/(start|restart|exec))|exec/[^/]+/start)")


def refusal(node: str, method: str, path: str, status: int, message: str) -> EngineError:
    """The error for a call that the Engine answered with `status` and `message`."""
    where = f"node {node}"
    text = message.strip() or f"HTTP {status} without a message"
    kind, remedy = _kind(method, path, status, text)
    return kind(text, node=node, where=where, remedy=remedy)


def _kind(method: str, path: str, status: int, text: str) -> tuple[type[EngineError], str]:
    if _DISK.search(text):
        return DiskFull, "free disk space on the node, e.g. with `docker system prune`"
    if _PORT.search(text):
        return PortTaken, "stop what uses that port on the node, or choose another hostPort"
    if _IMAGE.search(text) or (_PULL_PATH.match(path) and status in _PULL_REFUSED):
        return ImageUnavailable, _image_remedy(text)
    return _by_status(method, path, status, text), ""


def _by_status(method: str, path: str, status: int, text: str) -> type[EngineError]:
    if status == 404:
        return NotFound
    if status == 409 or "already in progress" in text:
        return Conflict
    return ContainerFailed if method == "POST" and _CONTAINER_PATH.match(path) else EngineError


_IMAGE_REMEDIES = (
    ("toomanyrequests", "wait for the registry's limit to pass, log in, or use a mirror"),
    (
        "unauthorized|denied|no basic auth|authentication required|incorrect username|forbidden",
        "the registry wants a login or refuses the one it got: check the image's name and imagePullSecrets",
    ),
    ("platform|no matching manifest", "use an image that is built for this node's architecture"),
    (
        "http response to https client",
        "give the registry TLS, or name it under insecure-registries in the node's /etc/docker/daemon.json",
    ),
    (
        "x509|certificate",
        "put the registry's CA into /etc/docker/certs.d/REGISTRY/ca.crt on the node, and check the clocks",
    ),
    (
        r"connection re(fused|set)|time(d )?out|no such host|no route|unreachable|deadline|\beof|misbehaving",
        "check that the node can reach the registry",
    ),
    (r"unexpected (http )?status.*\b5\d\d\b|bad gateway", "look why the registry is in trouble"),
)
"""What a pull's refusal says -> what to do; the first that matches. Docker's own words, of 20.10 to 29."""


def _image_remedy(text: str) -> str:
    found = (remedy for words, remedy in _IMAGE_REMEDIES if re.search(words, text, re.I))
    return next(found, "check the image's name and tag")


def unreadable(node: str, doing: str, found: str) -> AnswerUnreadable:
    """The error for an answer that isn't what the Engine API's documentation says; `found` in words."""
    return AnswerUnreadable(
        f"its Docker Engine's answer to {doing} can't be read: {found}",
        node=node,
        remedy="does a Docker Engine answer there, and no proxy? On the node: `docker info`",
    )


def broken(node: str, doing: str, cause: BaseException) -> NodeError:
    """The error for a connection that broke, or was silent for too long, while `doing` something."""
    if isinstance(cause, NodeError):
        return cause
    if isinstance(cause, TimeoutError):
        return NodeUnreachable(f"no answer in time to {doing}", node=node)
    detail = str(cause) or type(cause).__name__
    return NodeUnreachable(f"the connection broke during {doing}: {detail}", node=node)
