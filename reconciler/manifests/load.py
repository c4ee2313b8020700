"""A whole tree of manifests becomes typed objects, or every error with its file and line.

The one entry for the daemon, for `validate` and for the hook that refuses bad pushes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from reconciler.manifests.decode import decode, flatten
from reconciler.manifests.documents import DocumentError, Reader
from reconciler.manifests.files import check_text, digest, read_bytes, shown, walk
from reconciler.model.base import Value
from reconciler.model.finding import Finding
from reconciler.model.fleet import Fleet
from reconciler.model.kinds import Object


class Loaded(Value):
    """`objects` have their defaults filled in and stand in the order of their files."""

    objects: tuple[Object, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity == "error")


class LoadCache:
    """Remembers each file's objects by its content: an unchanged file gives the identical objects again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, tuple[Object, ...]]] = {}

    def get(self, file: str, content: bytes) -> tuple[Object, ...] | None:
        known = self._known.get(file)
        return known[1] if known and known[0] == content else None

    def put(self, file: str, content: bytes, objects: tuple[Object, ...]) -> None:
        self._known[file] = content, objects


def load_tree(
    root: Path,
    paths: Sequence[Path] | None = None,
    *,
    fleet: Fleet | None = None,
    cache: LoadCache | None = None,
) -> Loaded:
    """Everything below `root`, or only `paths` of it. Never raises for what the files hold."""
    cache = cache or LoadCache()
    findings: list[Finding] = []
    objects: list[Object] = []
    files: list[Path] = []
    for start in paths or [root]:
        if start.is_dir():
            tree = walk(root, start)
            files += tree.files
            findings += tree.findings
        else:
            files.append(start)
    for file in files:
        name = shown(root, file)
        try:
            data = read_bytes(file)
            key = digest(data)
            mine = cache.get(name, key)
            if mine is None:
                mine = tuple(_objects(name, check_text(data), findings))
                cache.put(name, key, mine)
            objects += mine
        except DocumentError as error:
            findings.append(
                Finding(
                    file=name,
                    line=error.line,
                    column=error.column,
                    message=error.message,
                    remedy=error.remedy,
                )  # fmt: skip
            )
    return Loaded(objects=tuple(objects), findings=tuple(findings), files=len(files))


def _objects(name: str, data: bytes, findings: list[Finding]) -> list[Object]:
    out: list[Object] = []
    for document in Reader(data).documents():
        for _, value in flatten(document):
            if value is None or (type(value) is dict and value.get("kind") == "Fleet"):
                continue
            try:
                out.append(decode(value))
            except (msgspec.ValidationError, KeyError, TypeError) as error:
                findings.append(Finding(file=name, message=_message(error)))
    return out


def _message(error: Any) -> str:
    return (
        str(error) if isinstance(error, msgspec.ValidationError) else f"unknown apiVersion and kind: {error}"
    )
