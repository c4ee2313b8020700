"""Building a tiny image without an engine: layers, a configuration and a manifest are all it is.

The form is Docker's image manifest, version 2, schema 2, which engines of every age pull.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab import layer
from reconciler.model.base import Value

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""The kernel's word for a machine -> the image format's (Go's GOARCH)."""

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class ImageSpec(Value):
    """`platform` is `os/arch[/variant]`, by default this machine's; `busybox` puts a shell below."""

    directory: Path | None = None
    busybox: bool = True
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    user: str = ""
    workdir: str = "/"
    platform: str = ""


class Image(Value):
    """Blobs by their digest, and the manifest that names them; or several images and the list of them."""

    manifest: bytes
    blobs: dict[str, bytes] = {}
    parts: tuple[Image, ...] = ()

    @property
    def media_type(self) -> str:
        return LIST if self.parts else MANIFEST


def build(spec: ImageSpec) -> Image:
    """Raises LabError when the directory isn't one."""
    layers = [layer.of_busybox()] if spec.busybox else []
    if spec.directory is not None:
        if not spec.directory.is_dir():
            raise LabError("not a directory", where=str(spec.directory))
        layers.append(layer.of_directory(spec.directory))
    packed = [gzip.compress(each, compresslevel=1, mtime=0) for each in layers]
    config = json.dumps(configuration(spec, [digest(each) for each in layers])).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, config),
        "layers": [_descriptor(LAYER, each) for each in packed],
    }
    return Image(
        manifest=json.dumps(manifest).encode(), blobs={digest(blob): blob for blob in [config, *packed]}
    )


def index(images: Mapping[str, Image]) -> Image:
    """One image for several machines: `os/arch[/variant]` -> the image for it."""
    entries = []
    for name, image in images.items():
        system, architecture, *variant = name.split("/")
        place = {"os": system, "architecture": architecture}
        place |= {"variant": variant[0]} if variant else {}
        entries.append({**_descriptor(MANIFEST, image.manifest), "platform": place})
    text = {"schemaVersion": 2, "mediaType": LIST, "manifests": entries}
    return Image(manifest=json.dumps(text).encode(), parts=tuple(images.values()))


def configuration(spec: ImageSpec, diff_ids: list[str]) -> dict[str, object]:
    """The image's configuration; `diff_ids` are the digests of the layers before compression."""
    system, architecture, *variant = (spec.platform or host_platform()).split("/")
    env = spec.env if any(entry.startswith("PATH=") for entry in spec.env) else ("PATH=/bin", *spec.env)
    found: dict[str, object] = {
        "os": system,
        "architecture": architecture,
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Env": list(env),
            "Entrypoint": list(spec.entrypoint) or None,
            "Cmd": list(spec.command) or None,
            "ExposedPorts": {f"{port}/tcp": {} for port in spec.ports},
            "User": spec.user,
            "WorkingDir": spec.workdir,
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "reconciler lab"} for _ in diff_ids],
    }
    return {**found, "variant": variant[0]} if variant else found


def host_platform() -> str:
    machine = platform.machine()
    return f"linux/{ARCHITECTURES.get(machine, machine)}"


def digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(blob), "digest": digest(blob)}
