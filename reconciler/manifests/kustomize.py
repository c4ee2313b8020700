"""Folders with a kustomization are rendered by kustomize itself, and their files not read twice.

Only top-most ones are rendered: a base or component that another one refers to is a part of that.
Its imports are lazy: every `validate` passes here, few need to render.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from reconciler.manifests.documents import DocumentError, Reader
from reconciler.manifests.files import KUSTOMIZATIONS, check_text, read_bytes
from reconciler.manifests.limits import MAX_RENDERED_BYTES, RENDER_SECONDS

PROGRAMS = (("kustomize", "build"), ("kubectl", "kustomize"))
"""Tried in this order."""


def kustomization_of(folder: Path) -> Path | None:
    """The folder's kustomization file; None when it has none."""
    return next((folder / name for name in KUSTOMIZATIONS if (folder / name).is_file()), None)


def top_most(folders: Sequence[Path]) -> list[Path]:
    """Those that no other one refers to. Of folders that refer to each other in a circle, all."""
    reached: set[Path] = set()
    for folder in folders:
        reached |= closure(folder) - {folder.resolve()}
    tops = [folder for folder in folders if folder.resolve() not in reached and not _is_component(folder)]
    covered = {one for top in tops for one in closure(top)}
    circles = [f for f in folders if f.resolve() not in covered and not _is_component(f)]
    return tops + circles


def closure(folder: Path) -> set[Path]:
    """The folder and every local folder that it refers to, however far, resolved."""
    seen: set[Path] = set()
    stack = [folder.resolve()]
    while stack:
        here = stack.pop()
        if here not in seen:
            seen.add(here)
            stack.extend(_references(here))
    return seen


def _references(folder: Path) -> list[Path]:
    content = _content(folder)
    names = [n for key in ("resources", "bases", "components") for n in _strings(content.get(key))]
    return [(folder / name).resolve() for name in names if "://" not in name and (folder / name).is_dir()]


def _is_component(folder: Path) -> bool:
    return _content(folder).get("kind") == "Component"


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _content(folder: Path) -> dict[str, object]:
    """What the kustomization says; empty when it can't be read, which kustomize then words better."""
    file = kustomization_of(folder)
    if file is None:
        return {}
    try:
        documents = list(Reader(check_text(read_bytes(file))).documents())
    except DocumentError:
        return {}
    return documents[0] if documents and isinstance(documents[0], dict) else {}


def digest_of(folder: Path) -> bytes:
    """Over every file that rendering may read: the same digest, the same output."""
    from hashlib import blake2b

    running = blake2b(digest_size=16)
    for file in sorted(set(_files(closure(folder)))):
        running.update(str(file).encode() + b"\0")
        try:
            running.update(blake2b(read_bytes(file), digest_size=16).digest())
        except DocumentError as error:
            running.update(error.message.encode())
    return running.digest()


def _files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        for here, below, names in os.walk(folder):
            below[:] = sorted(name for name in below if name != ".git")
            yield from (Path(here) / name for name in names)


def render(folder: Path) -> bytes:
    """What kustomize prints for a folder. Raises `DocumentError` with its last words."""
    import shutil
    import subprocess

    program = next((p for p in PROGRAMS if shutil.which(p[0])), None)
    if program is None:
        raise DocumentError(
            "has to be rendered, and neither kustomize nor kubectl is there",
            remedy="install one of the two where the reconciler runs",
        )
    try:
        done = subprocess.run(
            [*program, str(folder)],
            capture_output=True,
            timeout=RENDER_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        message = f"{' '.join(program)} took longer than {RENDER_SECONDS:.0f} s"
        raise DocumentError(message, remedy="render it by hand to see why") from None
    if done.returncode != 0:
        raise DocumentError(f"{program[0]} failed: {_last_words(done.stderr)}", remedy="mend what it names")
    if len(done.stdout) > MAX_RENDERED_BYTES:
        raise DocumentError(f"renders to more than {MAX_RENDERED_BYTES:,} bytes", remedy="split it")
    return done.stdout


def _last_words(stderr: bytes) -> str:
    text = " ".join(stderr.decode(errors="replace").split()).removeprefix("Error: ").removeprefix("error: ")
    return text[-600:] or "it said nothing"
