"""A whole tree of manifests becomes typed objects, or every error with its file and line.

The one entry for the daemon, for `validate` and for the hook that refuses bad pushes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import get_args

from reconciler.manifests.documents import DocumentError
from reconciler.manifests.entry import Entry
from reconciler.manifests.files import Tree, check_text, digest, read_bytes, shown, walk
from reconciler.manifests.kustomizations import Kustomizations, kustomization_of
from reconciler.manifests.kustomize import Renderer
from reconciler.manifests.limits import MAX_TOTAL_BYTES
from reconciler.manifests.locate import found_at, name_of, positions_of
from reconciler.manifests.parse import Parsed, parse
from reconciler.manifests.rules.across import across
from reconciler.manifests.rules.nodes import nodes
from reconciler.manifests.rules.pod_security import pod_security
from reconciler.manifests.rules.traffic import traffic
from reconciler.manifests.said import Said
from reconciler.model.base import Value
from reconciler.model.capacity import Capacity
from reconciler.model.finding import Finding
from reconciler.model.fleet import Fleet
from reconciler.model.kinds import Object, Workload
from reconciler.model.meta import Key
from reconciler.model.pod_security import PodSecuritySpec

OWNERS = frozenset(kind.__name__ for kind in get_args(Workload))
"""Kinds that have pods."""


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
        self._last: dict[str, tuple[bytes, Parsed]] = {}
        self._now: dict[str, tuple[bytes, Parsed]] = {}

    def turn(self) -> None:
        """A new load begins: forget what the last one didn't ask for."""
        self._last, self._now = self._now, {}

    def get(self, file: str, content: bytes) -> Parsed | None:
        known = self._last.get(file)
        if known is None or known[0] != content:
            return None
        self._now[file] = known
        return known[1]

    def put(self, file: str, content: bytes, parsed: Parsed) -> Parsed:
        self._now[file] = content, parsed
        return parsed


def load_tree(
    root: Path,
    paths: Sequence[Path] | None = None,
    *,
    tree: Path | None = None,
    fleet: Fleet | None = None,
    capacity: Mapping[str, Capacity] | None = None,
    cache: LoadCache | None = None,
    renderer: Renderer | None = None,
) -> Loaded:
    """Everything below `root`, or only `paths` (files and folders) of it. Never raises for what files hold;
    `SourceError` where they can't be read only for now.

    `tree` is what kustomizations may read of, when that is more than `root`: a folder that holds it.
    `fleet` and `capacity` (by node name, as far as nodes have been seen) add the rules about nodes. With
    `paths`, what a pod reads may stand elsewhere: that it is missing is a warning then. `renderer` can be
    told to stop, from another thread: then what is left is refused.
    """
    if cache is not None:
        cache.turn()
    if renderer is None:
        renderer = Renderer(remote=fleet is not None and fleet.spec.manifests.remote_bases == "allow")
    kustomizations = Kustomizations(root, tree or root, remote=renderer.remote)
    found = _gather(root, paths, kustomizations)
    parsed = [
        *_read_all(root, found, cache, renderer),
        *_rendered(root, found, kustomizations, cache, renderer),
    ]
    entries = [entry for one in parsed for entry in one.entries]
    findings = [*found.findings, *(finding for one in parsed for finding in one.findings)]
    said = list(across(entries, complete=paths is None))
    said += pod_security(entries, fleet.spec.pod_security if fleet is not None else PodSecuritySpec())
    if fleet is not None:
        said += nodes(entries, fleet, capacity or {})
        said += traffic(entries, fleet)
    refused = frozenset(key for one in parsed for key in one.refused)
    findings += _located(root, [pair for pair in said if not _is_there(pair[1].lacks, refused)])
    return Loaded(
        objects=tuple(entry.item for entry in entries),
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda f: (f.file, f.line, f.column))),
        files=len(found.files) + len(found.kustomizations),
    )


def _is_there(lacks: Key | None, refused: frozenset[Key]) -> bool:
    """It stands in the files, with an error of its own; that it is missing would be untrue."""
    if lacks is None or not refused:
        return False
    if lacks.kind == "Pod" and not lacks.name:
        return any(key.kind in OWNERS and key.namespace == lacks.namespace for key in refused)
    return lacks in refused


def _gather(root: Path, paths: Sequence[Path] | None, known: Kustomizations) -> Tree:
    trees = [_start(root, path) for path in paths] if paths is not None else [walk(root)]
    return Tree(
        files=tuple(dict.fromkeys(file for tree in trees for file in tree.files)),
        kustomizations=tuple(
            dict.fromkeys(known.top_most([f for tree in trees for f in tree.kustomizations]))
        ),
        findings=tuple(finding for tree in trees for finding in tree.findings),
    )


def _start(root: Path, path: Path) -> Tree:
    return walk(root, path) if path.is_dir() else Tree(files=(path,))


def _read_all(root: Path, tree: Tree, cache: LoadCache | None, renderer: Renderer) -> Iterator[Parsed]:
    total = 0
    for file in tree.files:
        name = shown(root, file)
        if renderer.stopped:
            yield _failed(name, DocumentError("wasn't read: the reconciler was told to end"))
            return
        try:
            data = read_bytes(file)
        except DocumentError as error:
            yield _failed(name, error)
            continue
        total += len(data)
        if total > MAX_TOTAL_BYTES:
            message = f"the files up to this one have more than {MAX_TOTAL_BYTES // 1_000_000} MB"
            yield _failed(name, DocumentError(message, remedy="point to a smaller folder"))
            return
        yield parse(name, data) if cache is None else _cached(name, data, cache)


def _cached(name: str, data: bytes, cache: LoadCache) -> Parsed:
    content = digest(data)
    return cache.get(name, content) or cache.put(name, content, parse(name, data))


def _rendered(
    root: Path, tree: Tree, known: Kustomizations, cache: LoadCache | None, renderer: Renderer
) -> Iterator[Parsed]:
    """Those that reach out of the tree aren't rendered; nor is what hasn't changed."""
    due: list[tuple[str, Path, bytes]] = []
    for folder in tree.kustomizations:
        name = shown(root, kustomization_of(folder) or folder)
        findings = tuple(finding for one in known.closure(folder) for finding in one.findings)
        content = b"" if cache is None or findings else known.digest(folder)
        before = None if cache is None or findings else cache.get(name, content)
        if findings:
            yield Parsed(findings=findings)
        elif before is not None:
            yield before
        else:
            due.append((name, folder, content))
    outputs = renderer.render([folder for _, folder, _ in due], known.tree) if due else ()
    for (name, _, content), out in zip(due, outputs, strict=True):
        if isinstance(out, DocumentError):
            yield _failed(name, out)
            continue
        parsed = parse(name, out, rendered=True)
        yield parsed if cache is None else cache.put(name, content, parsed)


def _failed(name: str, error: DocumentError) -> Parsed:
    finding = Finding(
        file=name,
        line=error.line,
        column=error.column,
        message=error.message,
        remedy=error.remedy,
        rule="file",
    )
    return Parsed(findings=(finding,))


def _located(root: Path, said: Iterable[tuple[Entry, Said]]) -> Iterator[Finding]:
    """With lines; each file is read once more, however much was said of it."""
    for file, group in groupby(sorted(said, key=lambda pair: pair[0].file), lambda pair: pair[0].file):
        pairs = list(group)
        where = [] if pairs[0][0].document < 0 else _positions(root / file)
        for entry, one in pairs:
            document = entry.document if where else 0
            yield from found_at([one], file, where, document, entry.path, name_of(entry.item))


def _positions(file: Path) -> list[dict[tuple[str | int, ...], tuple[int, int]]]:
    try:
        return positions_of(check_text(read_bytes(file)))
    except DocumentError:
        return []
