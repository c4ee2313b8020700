"""One file's bytes become its entries and findings. Nothing here knows of other files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from reconciler.manifests import analysis_references
from reconciler.manifests.decode import flatten
from reconciler.manifests.documents import DocumentError, Path, Positions, Reader
from reconciler.manifests.entry import Entry
from reconciler.manifests.files import check_text
from reconciler.manifests.inventory import judge_fleet
from reconciler.manifests.judge import FLEET, judge
from reconciler.manifests.locate import found_at, key_of_value, name_of, name_of_value, positions_of
from reconciler.manifests.references import Reference, references
from reconciler.manifests.rules.nodes import pod_of
from reconciler.manifests.said import Said
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate
from reconciler.model.finding import Finding
from reconciler.model.kinds import Object
from reconciler.model.meta import Key


class Parsed(NamedTuple):
    """What one file holds, and what is wrong with it alone. `refused` are its objects that can't be read."""

    entries: tuple[Entry, ...] = ()
    findings: tuple[Finding, ...] = ()
    refused: tuple[Key, ...] = ()


def parse(file: str, data: bytes, *, rendered: bool = False) -> Parsed:
    """`rendered`: the bytes are kustomize's output, so lines would lead nowhere."""
    try:
        text = check_text(data)
        documents = list(Reader(text).documents())
    except DocumentError as error:
        return Parsed(findings=(_unreadable(file, error),))
    entries: list[Entry] = []
    findings: list[Finding] = []
    refused: list[Key] = []
    where: list[Positions] | None = [] if rendered else None
    for number, document in enumerate(documents):
        for path, value in flatten(document):
            item, said = _judged(value)
            if said:
                where = positions_of(text) if where is None else where
                name = name_of(item) if item else name_of_value(value)
                findings += found_at(said, file, where, number, path, name)
            if item is not None:
                entries.append(_entry(item, file, -1 if rendered else number, path))
            elif (key := key_of_value(value)) is not None:
                refused.append(key)
    return Parsed(tuple(entries), tuple(findings), tuple(refused))


def _judged(value: Any) -> tuple[Object | None, tuple[Said, ...]]:
    if value is None:
        return None, ()
    if type(value) is dict and value.get("kind") == FLEET:
        return None, judge_fleet(value)[1]
    return judge(value)


def _entry(item: Object, file: str, document: int, path: Path) -> Entry:
    return Entry(item, file, document, path, tuple(_references(item)))


def _references(item: Object) -> Iterator[Reference]:
    """A template for the whole fleet is in no namespace: what it reads is looked for where it is used."""
    if isinstance(item, AnalysisTemplate | AnalysisRun):
        yield from analysis_references.references(item)
    elif pod := pod_of(item):
        yield from references(*pod)


def _unreadable(file: str, error: DocumentError) -> Finding:
    return Finding(
        file=file,
        line=error.line,
        column=error.column,
        message=error.message,
        remedy=error.remedy,
        rule="yaml",
    )
