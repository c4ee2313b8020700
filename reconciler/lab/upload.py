"""Pushing an image to the lab's registry, as the Registry HTTP API V2 wants it."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlencode, urlsplit

from reconciler.errors import LabError
from reconciler.lab.image import Image, digest

REFERENCE = re.compile(r"(?P<name>[a-z0-9]+([._/-]+[a-z0-9]+)*):(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})")


def push(registry: str, reference: str, image: Image) -> str:
    """The full reference. `reference` is `name:tag`. Raises LabError."""
    found = REFERENCE.fullmatch(reference)
    if not found:
        raise LabError(f"image {reference!r}: expected name:tag, in small letters, as web:v1")
    connection = http.client.HTTPConnection(registry, timeout=30)
    try:
        for part in image.parts:
            _push_manifest(connection, found["name"], digest(part.manifest), part)
        _push_manifest(connection, found["name"], found["tag"], image)
    except OSError as error:
        raise LabError(f"can't push {reference}: {error}", where=f"registry {registry}") from error
    finally:
        connection.close()
    return f"{registry}/{reference}"


def _push_manifest(connection: http.client.HTTPConnection, name: str, reference: str, image: Image) -> None:
    for key, blob in image.blobs.items():
        _push_blob(connection, name, key, blob)
    path = f"/v2/{name}/manifests/{reference}"
    _call(connection, "PUT", path, image.manifest, image.media_type)


def _push_blob(connection: http.client.HTTPConnection, name: str, key: str, blob: bytes) -> None:
    """One that the registry has already isn't sent again: busybox is the same in every image."""
    if _exists(connection, f"/v2/{name}/blobs/{key}"):
        return
    location = urlsplit(_call(connection, "POST", f"/v2/{name}/blobs/uploads/"))
    query = f"{location.query}&{urlencode({'digest': key})}".lstrip("&")
    _call(connection, "PUT", f"{location.path}?{query}", blob)


def _exists(connection: http.client.HTTPConnection, path: str) -> bool:
    connection.request("HEAD", path)
    response = connection.getresponse()
    response.read()
    return response.status == http.HTTPStatus.OK


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes = b"",
    content_type: str = "application/octet-stream",
) -> str:
    """The Location that the answer names. Raises LabError for an answer that isn't a success."""
    connection.request(method, path, body, {"Content-Type": content_type, "Content-Length": str(len(body))})
    response = connection.getresponse()
    said = response.read()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise LabError(f"the registry refused {method} {path}: {response.status} {said[:200]!r}")
    return response.headers.get("Location", "")
