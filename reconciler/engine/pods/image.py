"""Images on a node: present, pulled with the right policy and credentials, and what user they run as."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

import msgspec

from reconciler.engine.connection.answers import UNREADABLE, Progress, decoder
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.failures import refusal
from reconciler.engine.pods.owned import is_gone
from reconciler.errors import CallTimeout, EngineError, ImageNeverPulled, ImageUnavailable
from reconciler.model.config import Secret
from reconciler.model.container import Container
from reconciler.model.desired import Contents
from reconciler.model.image_reference import HUB, split_registry
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord
from reconciler.turns import away

_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
PULLS_AT_A_TIME = 3
"""On one node, from one registry: each downloads three layers at a time. Other registries don't wait."""
_STALL = 300.0
"""Seconds without a sign of progress after which a pull is given up."""

Login = dict[str, str]


class _Entry(TypedDict):
    """What a Docker configuration says of one registry; `auth` is base64 of name:password."""

    auth: NotRequired[str | None]
    username: NotRequired[str | None]
    password: NotRequired[str | None]
    identitytoken: NotRequired[str | None]
    registrytoken: NotRequired[str | None]


class _DockerConfig(TypedDict):
    auths: NotRequired[dict[str, msgspec.Raw] | None]


OPERATOR = Key("Secret", "", "operator-login")
"""Where `operator_login` puts this machine's own logins among a pod's contents."""


def inspect(engine: Engine, image: str) -> dict[str, Any] | None:
    """None when it isn't on the node."""
    try:
        found: dict[str, Any] = engine.call("GET", f"/images/{quote(image, safe='')}/json")
    except EngineError as error:
        if isinstance(error, ImageUnavailable) or is_gone(error):
            return None
        raise
    return found


def pull_always(engine: Engine, record: PodRecord, contents: Contents) -> None:
    """Pull every image of the pod whose policy is Always, each once."""
    images = {c.image for c in record.spec.every_container() if c.pull_policy == "Always"}
    for image in sorted(images):
        pull(engine, image, logins(image, record, contents))


def fetch_missing(engine: Engine, container: Container, record: PodRecord, contents: Contents) -> None:
    """The Engine said that it has no such image: pull it if the policy allows."""
    if container.pull_policy == "Never":
        raise ImageNeverPulled(
            f'image "{container.image}" is not on the node and imagePullPolicy is Never',
            node=engine.node,
            remedy="load it there (`docker load`), or set imagePullPolicy to IfNotPresent",
        )
    pull(engine, container.image, logins(container.image, record, contents))


def pull(engine: Engine, image: str, candidates: tuple[Login, ...] = ()) -> None:
    """Try each login, then none. Raises `ImageUnavailable` with the registry's last word."""
    refused: ImageUnavailable | None = None
    for login in (*candidates, None) if candidates else (None,):
        try:
            with away(registry_of(image), PULLS_AT_A_TIME):
                _pull(engine, image, login)
            return
        except ImageUnavailable as error:
            refused = refused or error
    assert refused is not None
    if image not in refused.message:  # Podman hands on what the registry says
        refused.message = f'image "{image}": {refused.message}'
    raise refused


def _pull(engine: Engine, image: str, login: Login | None) -> None:
    name, tag = split_reference(image)
    headers = {"X-Registry-Auth": urlsafe_b64encode(json.dumps(login).encode()).decode()} if login else {}
    options = {"params": {"fromImage": name, "tag": tag}, "headers": headers, "timeout": _STALL}
    try:
        for line in engine.lines(Progress, "POST", "/images/create", **options):
            if "error" in line:
                message = f'image "{image}": {line["error"]}'
                raise _as_unavailable(refusal(engine.node, "POST", "/images/create", 404, message))
    except CallTimeout as error:
        raise ImageUnavailable(
            f'image "{image}": its pull made no progress for {_STALL:g} s',
            node=engine.node,
            remedy="check that the node can reach the registry",
        ) from error


def _as_unavailable(error: EngineError) -> EngineError:
    """A pull that fails is the image's failure, unless the node's disk is."""
    if isinstance(error, ImageUnavailable) or type(error) is not EngineError:
        return error
    return ImageUnavailable(error.message, node=error.node, where=error.where, remedy=error.remedy)


def split_reference(image: str) -> tuple[str, str]:
    """Name and tag or digest as POST /images/create wants them; no tag is `latest`, not every tag there
    is.
    """
    if "@" in image:
        name, _, digest = image.partition("@")
        head, _, last = name.rpartition("/")
        plain = last.partition(":")[0]
        return (f"{head}/{plain}" if head else plain), digest
    head, _, last = image.rpartition("/")
    plain, _, tag = last.partition(":")
    return (f"{head}/{plain}" if head else plain), tag or "latest"


def users(engine: Engine, record: PodRecord, contents: Contents, images: frozenset[str]) -> dict[str, str]:
    """Image -> the user it runs as ("" is root). Pulls those that aren't there."""
    found: dict[str, str] = {}
    for container in record.spec.every_container():
        if container.image not in images or container.image in found:
            continue
        if (seen := inspect(engine, container.image)) is None:
            fetch_missing(engine, container, record, contents)
            seen = inspect(engine, container.image) or {}
        found[container.image] = (seen.get("Config") or {}).get("User") or ""
    return found


def logins(image: str, record: PodRecord, contents: Contents) -> tuple[Login, ...]:
    """Credentials for `image` out of the pod's imagePullSecrets and the operator's, the closest match first.

    Kubernetes: a Secret that is missing, or without an entry for the registry, is no error by itself.
    """
    host, path = _registry_and_path(image)
    matches: list[tuple[int, Login]] = []
    names = [Key("Secret", record.namespace, r.name) for r in record.spec.image_pull_secrets]
    for key in [*names, OPERATOR]:
        secret = contents.get(key)
        if isinstance(secret, Secret):
            for server, login in _entries(secret):
                if (length := _match(server, host, path)) is not None:
                    matches.append((length, login))
    return tuple(login for _, login in sorted(matches, key=lambda m: -m[0]))


def registry_of(image: str) -> str:
    """`docker.io` for names without one."""
    return _registry_and_path(image)[0]


def _registry_and_path(image: str) -> tuple[str, str]:
    name, _ = split_reference(image)
    registry, path = split_registry(name)
    return (HUB if registry in _HUB_NAMES else registry), path


def _entries(secret: Secret) -> Iterator[tuple[str, Login]]:
    """Server and login of each entry (types kubernetes.io/dockerconfigjson and dockercfg)."""
    data = secret.contents()
    try:
        if ".dockerconfigjson" in data:
            entries = decoder(_DockerConfig).decode(data[".dockerconfigjson"]).get("auths")
        else:
            entries = decoder(dict[str, msgspec.Raw]).decode(data.get(".dockercfg", b"{}"))
    except UNREADABLE:
        return  # an unreadable secret gives no credentials; the pull then says what is wrong
    for server, entry in (entries or {}).items():
        with suppress(*UNREADABLE):
            yield server, _login(server, decoder(_Entry).decode(entry))


def _login(server: str, entry: _Entry) -> Login:
    """Raises `ValueError`."""
    login = {"serveraddress": server}
    if auth := entry.get("auth"):
        name, _, password = b64decode(auth).decode().partition(":")
        login |= {"username": name, "password": password}
    for field in ("username", "password", "identitytoken", "registrytoken"):
        if isinstance(value := entry.get(field), str) and value:
            login[field] = value
    return login


def _match(server: str, host: str, path: str) -> int | None:
    """How closely an entry's server names this image's registry; None: not at all.

    Kubernetes: globs in the host, a port must be equal, a path is a prefix (`host/team`).
    """
    bare = server.removeprefix("https://").removeprefix("http://").rstrip("/")
    name, _, prefix = bare.partition("/")
    if prefix in ("v1", "v2"):
        prefix = ""
    name = HUB if name in _HUB_NAMES else name
    if not fnmatchcase(host, name) or name.count(".") != host.count("."):
        return None
    if prefix and path != prefix and not path.startswith(prefix.rstrip("/") + "/"):
        return None
    return len(bare)
