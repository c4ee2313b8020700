"""Packages and our own files -> the node image. Only here is it decided what belongs to the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from reconciler.debian import deb
from reconciler.debian.packages import SUITE, PackageUnavailable, fetch
from reconciler.engine.node_image import archive, layout
from reconciler.engine.node_image.archive import Image
from reconciler.engine.node_image.closure import Incomplete

_HERE = Path(__file__).parent
_CODE = (
    *(_HERE / name for name in ("archive.py", "build.py", "closure.py", "elf.py", "layout.py")),
    Path(deb.__file__),
)


def debian_architecture(architecture: str, variant: str) -> str:
    """Debian's name for a node's. armhf needs an ARMv7; the first Raspberry Pi and the Zero are v6."""
    if architecture == "arm":
        return "armel" if variant in ("v5", "v6") else "armhf"
    return architecture


def recipe() -> str:
    """Changes when what goes into the image does, Debian's own updates aside (12 hex digits)."""
    digest = sha256(SUITE.encode())
    for file in (*layout.own_files(), *_CODE):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def build(architecture: str) -> Image:
    """Fetches the packages. `architecture` is Debian's. Raises `PackageUnavailable`."""
    packages = fetch(layout.PACKAGES, architecture)
    try:
        return assemble(architecture, packages)
    except Incomplete as error:
        raise PackageUnavailable(
            f"Debian's packages of {SUITE} aren't what they were: {error}",
            "report this as a bug of the reconciler, with this message",
        ) from error


def assemble(architecture: str, packages: Mapping[str, bytes]) -> Image:
    """From .deb archives by name. Raises `Incomplete`."""
    return archive.image(architecture, layout.files(deb.tree(packages), architecture), recipe())
