"""Files -> an image as `docker load` takes it. Deterministic: no clock, no order of chance."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from reconciler.debian.deb import File
from reconciler.engine.node_image.layout import FOLDERS, PATH

REPOSITORY = "reconciler-node"
RECIPE_LABEL = "reconciler.io/node-image"
"""On the image: the recipe it was made by."""

PLATFORMS = {
    "amd64": ("amd64", ""),
    "arm64": ("arm64", "v8"),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
"""Debian's architecture -> the image's architecture and variant."""


class Image(NamedTuple):
    """`tag` is the name to create containers from, `archive` the gzipped tar for POST /images/load."""

    tag: str
    archive: bytes


def image(architecture: str, files: Mapping[str, File], recipe: str) -> Image:
    """`architecture` is Debian's."""
    layer = _layer(files)
    config = _config(architecture, layer, recipe)
    tag = f"{REPOSITORY}:{sha256(config).hexdigest()[:12]}"
    return Image(tag=tag, archive=gzip.compress(_archive(tag, config, layer), mtime=0))


def _layer(files: Mapping[str, File]) -> bytes:
    parents = (str(p) for path in files for p in PurePosixPath(path).parents)
    folders = {*FOLDERS, *parents} - {"."}
    entries = [_folder(path, 0o1777 if path == "tmp" else 0o755) for path in sorted(folders)]
    return _tar([*entries, *(_entry(path, file) for path, file in sorted(files.items()))])


def _config(architecture: str, layer: bytes, recipe: str) -> bytes:
    name, variant = PLATFORMS[architecture]
    config: dict[str, Any] = {
        "architecture": name,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": ["/bin/busybox", "sh", "/sandbox"],
            "Env": [f"PATH={PATH}"],
            "Labels": {RECIPE_LABEL: recipe},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "reconciler"}],
    }
    if variant:
        config["variant"] = variant
    return json.dumps(config, sort_keys=True, separators=(",", ":")).encode()


def _archive(tag: str, config: bytes, layer: bytes) -> bytes:
    """Docker's own format: a manifest that names the config, the layers and the tag."""
    name = f"{sha256(config).hexdigest()}.json"
    folder = sha256(layer).hexdigest()
    manifest = [{"Config": name, "RepoTags": [tag], "Layers": [f"{folder}/layer.tar"]}]
    return _tar(
        [
            _entry(name, File(0o644, config)),
            _folder(folder, 0o755),
            _entry(f"{folder}/layer.tar", File(0o644, layer)),
            _entry("manifest.json", File(0o644, json.dumps(manifest).encode())),
        ]
    )


def _tar(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """In the order given. Everything is root's and as old as the epoch, as a new TarInfo is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _folder(path: str, mode: int) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    return entry, b""


def _entry(path: str, file: File) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(path)
    entry.mode = file.mode
    if file.link:
        entry.type, entry.linkname = tarfile.SYMTYPE, file.link
    else:
        entry.size = len(file.content)
    return entry, file.content
