"""Packages and our own files -> an image as `docker load` takes it. Deterministic: no clock, no order of
chance.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.engine.node_image.packages import SUITE, fetch, unpack

REPOSITORY = "reconciler-node"
RECIPE_LABEL = "reconciler.io/node-image"
"""On the image: the recipe it was made by."""
PACKAGES = ("busybox-static",)
_KEPT = ("bin/busybox", "usr/bin/busybox")
_LICENCES = "usr/share/doc/"
_HERE = Path(__file__).parent
_FOLDERS = ("bin", "dev", "etc", "proc", "sys", "tmp", "usr", "usr/share", "usr/share/doc")

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


def debian_architecture(architecture: str, variant: str) -> str:
    """Debian's name for a node's. armhf needs an ARMv7; the first Raspberry Pi and the Zero are v6."""
    if architecture == "arm":
        return "armel" if variant in ("v5", "v6") else "armhf"
    return architecture


def recipe() -> str:
    """Changes when what goes into the image does, Debian's own updates aside (12 hex digits)."""
    parts = [SUITE, *PACKAGES, *_KEPT]
    digest = sha256("\n".join(parts).encode())
    for file in (_HERE / "sandbox.sh", _HERE / "build.py"):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def build(architecture: str) -> Image:
    """Fetches the packages. `architecture` is Debian's. Raises `PackageUnavailable`."""
    return assemble(architecture, [fetch(package, architecture) for package in PACKAGES])


def assemble(architecture: str, packages: Iterable[bytes]) -> Image:
    files: dict[str, tuple[int, bytes]] = {"sandbox": (0o755, (_HERE / "sandbox.sh").read_bytes())}
    for package in packages:
        for entry, content in unpack(package):
            path = entry.name.removeprefix("./")
            if entry.isreg() and path in _KEPT:
                files["bin/busybox"] = (0o755, content)
            elif entry.isreg() and path.startswith(_LICENCES) and path.endswith("/copyright"):
                files[path] = (0o644, content)
    layer = _layer(files)
    config = _config(architecture, layer)
    tag = f"{REPOSITORY}:{sha256(config).hexdigest()[:12]}"
    return Image(tag=tag, archive=gzip.compress(_archive(tag, config, layer), mtime=0))


def _layer(files: dict[str, tuple[int, bytes]]) -> bytes:
    folders = sorted({*_FOLDERS, *(str(p) for f in files for p in Path(f).parents if str(p) != ".")})
    entries = [(folder, 0o1777 if folder == "tmp" else 0o755, None) for folder in folders]
    return _tar([*entries, *((path, mode, data) for path, (mode, data) in sorted(files.items()))])


def _config(architecture: str, layer: bytes) -> bytes:
    name, variant = PLATFORMS[architecture]
    config: dict[str, Any] = {
        "architecture": name,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": ["/bin/busybox", "sh", "/sandbox"],
            "Env": ["PATH=/bin"],
            "Labels": {RECIPE_LABEL: recipe()},
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
            (name, 0o644, config),
            (folder, 0o755, None),
            (f"{folder}/layer.tar", 0o644, layer),
            ("manifest.json", 0o644, json.dumps(manifest).encode()),
        ]
    )


def _tar(entries: Iterable[tuple[str, int, bytes | None]]) -> bytes:
    """(path, mode, content) in order; None is a folder. Everything is root's and as old as the epoch."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, mode, content in entries:
            entry = tarfile.TarInfo(path)
            entry.mode = mode
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.size = len(content or b"")
            tar.addfile(entry, io.BytesIO(content or b""))
    return buffer.getvalue()
