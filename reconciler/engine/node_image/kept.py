"""The packages that an image was last built of, for when there are no newer ones: our own files have
changed, and Debian's mirror is being synchronised or can't be reached.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path


def keep(file: Path, packages: Mapping[str, bytes]) -> None:
    """All or nothing, in the place of those before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    with tarfile.open(draft, "w") as tar:
        for name, content in sorted(packages.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    draft.replace(file)


def kept(file: Path) -> dict[str, bytes]:
    """Empty where there are none, or where the file is damaged."""
    try:
        with tarfile.open(file) as tar:
            return {e.name: f.read() for e in tar if (f := tar.extractfile(e)) is not None}
    except (OSError, tarfile.TarError):
        return {}
