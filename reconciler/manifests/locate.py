"""From what was said of a place in an object to a finding with file, line and column."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.manifests.documents import DocumentError, Path, Positions, Reader
from reconciler.manifests.said import Said
from reconciler.model.finding import Finding
from reconciler.model.kinds import CLUSTER_SCOPED, Object
from reconciler.model.meta import Key


def positions_of(data: bytes) -> list[Positions]:
    """Where everything stands, document by document: a second reading, for files with findings only."""
    reader = Reader(data, positions=True)
    out = []
    try:
        for _ in reader.documents():
            out.append(reader.positions)
    except DocumentError:
        return out
    return out


def place(positions: Positions, path: Path) -> tuple[int, int]:
    """Line and column of a path; of the nearest thing around it when it isn't written itself."""
    for end in range(len(path), 0, -1):
        if path[:end] in positions:
            return positions[path[:end]]
    return min(positions.values(), default=(0, 0))


def found_at(
    said: Iterable[Said], file: str, where: list[Positions], document: int, path: Path, name: str
) -> list[Finding]:
    """`where` is empty for what kustomize printed: then the path names the object, too."""
    out = []
    for one in said:
        if document < len(where):
            line, column = place(where[document], (*path, *one.path))
            out.append(one.at(file, line, column, name))
        else:
            out.append(_rendered(one.at(file, 0, 0, name)))
    return out


def _rendered(finding: Finding) -> Finding:
    from msgspec.structs import replace

    return replace(finding, path=f"{finding.object} {finding.path}".strip())


def name_of(item: Object) -> str:
    return str(item.key)


def name_of_value(value: object) -> str:
    """What an object that couldn't be decoded calls itself, as far as it says so."""
    key = key_of_value(value)
    return "" if key is None else str(key)


def key_of_value(value: object) -> Key | None:
    if not isinstance(value, dict):
        return None
    kind, meta = value.get("kind"), value.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(kind, str) or not isinstance(name, str):
        return None
    space = "" if kind in CLUSTER_SCOPED else str(meta.get("namespace") or "default")
    return Key(kind[:80], space[:253], name[:253])
