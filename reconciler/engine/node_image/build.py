"""Packages and our own files -> the node image. Only here is it decided what belongs to the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from reconciler.debian import deb
from reconciler.debian.packages import SUITE, PackageUnavailable, fetch
from reconciler.engine.node_image import archive, layout
from reconciler.engine.node_image.archive import Image
from reconciler.engine.node_image.closure import Incomplete
from reconciler.engine.node_image.kept import keep, kept

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


class Built(NamedTuple):
    """`because`: why it is of packages that were fetched before; empty where it is of new ones."""

    image: Image
    because: str = ""


def build(architecture: str, store: Path) -> Built:
    """Of the packages that Debian has now, or else of those in `store`, where they are kept for that.
    `architecture` is Debian's. Raises `PackageUnavailable`.
    """
    before = kept(store)
    try:
        packages = fetch(layout.PACKAGES, architecture, patient=not before)
        made = _assembled(architecture, packages)
    except PackageUnavailable as error:
        if not before:
            raise
        return Built(_assembled(architecture, before), str(error))
    keep(store, packages)
    return Built(made)


def _assembled(architecture: str, packages: Mapping[str, bytes]) -> Image:
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
