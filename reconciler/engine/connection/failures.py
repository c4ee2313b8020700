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


def _image_remedy(text: str) -> str:
    low = text.lower()
    if "toomanyrequests" in low:
        return "wait for the registry's limit to pass, log in, or use a mirror"
    if "unauthorized" in low or "denied" in low:
        return "check the image's name, and imagePullSecrets if the registry asks for a login"
    if "platform" in low or "no matching manifest" in low:
        return "use an image that is built for this node's architecture"
    if "connection refused" in low or "timeout" in low or "no such host" in low or "deadline" in low:
        return "check that the node can reach the registry"
    return "check the image's name and tag"


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
