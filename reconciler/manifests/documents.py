"""YAML (and JSON, which is YAML) becomes plain values: dicts, lists, strings, numbers, booleans.

One pass over libyaml's events with a stack of our own, so that depth, size, duplicate keys and alias
bombs are caught while reading and nothing recurses. Nulls in mappings are dropped: to Kubernetes
an absent field and a null one are the same. Must not know any kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml._yaml import CParser

from reconciler.manifests.limits import MAX_DEPTH, MAX_VALUES
from reconciler.manifests.scalars import other_key, plain

Path = tuple[str | int, ...]
Positions = dict[Path, tuple[int, int]]
"""Where each value stands: path -> (line, column) from 1. A mapping's entry stands at its key."""

STRING_MAPS = frozenset({"data", "stringData", "binaryData", "labels", "annotations", "matchLabels"})
"""Maps of strings, in which Kubernetes reads a null as an empty string instead of dropping its key."""

_STANDARD_TAGS = {f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null", "map", "seq")}
_STRING_TAGS = frozenset({"tag:yaml.org,2002:str", "!"})
_MERGE = "<<"


class DocumentError(Exception):
    """What can't be read, at which line and column (from 1, 0 unknown), and what to do about it."""

    def __init__(self, message: str, line: int = 0, column: int = 0, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.remedy = message, line, column, remedy


class _Frame:
    """A mapping or a list that is being filled."""

    __slots__ = ("anchor", "began", "key", "keys", "merges", "name", "nulls", "path", "value")

    def __init__(self, value: Any, name: str | None, path: Path, anchor: str | None, began: int) -> None:
        self.value, self.name, self.path, self.anchor, self.began = value, name, path, anchor, began
        self.key: str | None = None
        self.keys: set[str] | None = set() if type(value) is dict else None
        self.merges: list[dict[str, Any]] = []
        self.nulls = False


class Reader:
    """Reads one file's documents in order; with `positions`, also where each value stands."""

    def __init__(self, text: str | bytes, *, positions: bool = False) -> None:
        self._parser = CParser(text)
        self._wants_positions = positions
        self.positions: Positions = {}
        self._count = 0
        self._anchors: dict[str, tuple[Any, int]] = {}

    def documents(self) -> Iterator[Any]:
        """Each document's value, None for an empty one. Raises `DocumentError`."""
        try:
            yield from self._documents()
        except yaml.reader.ReaderError as error:
            raise DocumentError(f"unreadable character: {error.reason}") from None
        except yaml.MarkedYAMLError as error:
            raise _syntax(error) from None

    def _documents(self) -> Iterator[Any]:
        get = self._parser.get_event
        while (event := get()) is not None:
            if type(event) is yaml.DocumentStartEvent:
                self._anchors = {}
                self.positions = {}
                yield self._document(get)

    def _document(self, get: Any) -> Any:
        """One document's value. The stack holds every open mapping and list."""
        stack: list[_Frame] = []
        frame: _Frame | None = None
        while True:
            event = get()
            kind = type(event)
            self._count += 1
            if kind is yaml.ScalarEvent:
                text = event.value
                if frame is not None and frame.keys is not None and frame.key is None:
                    self._open_key(frame, text, event)
                    continue
                value = text if _is_string(event) else self._scalar(event, text)
                if event.anchor:
                    self._anchors[event.anchor] = value, 1
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                frame = self._open(stack, frame, event, {} if kind is yaml.MappingStartEvent else [])
                continue
            elif kind is yaml.AliasEvent:
                value = self._alias(event)
                if frame is not None and frame.keys is not None and frame.key is None:
                    raise _at(event, "an alias can't be a key", "write the key itself")
            elif kind is yaml.DocumentEndEvent:
                return None
            else:
                done = stack.pop()
                value = _closed(done) if done.merges or done.nulls else done.value
                if done.anchor:
                    self._anchors[done.anchor] = value, self._count - done.began
                frame = stack[-1] if stack else None
            if self._count > MAX_VALUES:
                raise _at(
                    event, f"holds more than {MAX_VALUES:,} values", "split the file, or use fewer aliases"
                )
            if frame is None:
                get()
                return value
            self._put(frame, value, event)

    def _open_key(self, frame: _Frame, text: str, event: Any) -> None:
        assert frame.keys is not None
        if text in frame.keys and text != _MERGE:
            raise _at(event, f'the key "{_short(text)}" stands here twice', "keep one of the two")
        if event.implicit[0] and (other := other_key(text)) is not None:
            message = f'Kubernetes reads the key "{_short(text)}" without quotes as "{_short(other)}"'
            raise _at(event, message, f'quote it: "{_short(text)}":')
        frame.keys.add(text)
        frame.key = text
        if self._wants_positions:
            mark = event.start_mark
            self.positions[*frame.path, text] = mark.line + 1, mark.column + 1

    def _open(self, stack: list[_Frame], parent: _Frame | None, event: Any, value: Any) -> _Frame:
        path: Path = ()
        if event.tag and event.tag not in _STANDARD_TAGS and event.tag != "!":
            raise _at(event, f"the tag {_short(event.tag)} has no meaning here", "remove the tag")
        if parent is not None:
            if parent.keys is not None and parent.key is None:
                raise _at(event, "a key must be a string, found a mapping or a list", "quote the key")
            path = self._path(parent, event)
        if len(stack) >= MAX_DEPTH:
            raise _at(event, f"nested more than {MAX_DEPTH} levels deep", "no manifest needs that depth")
        frame = _Frame(value, parent.key if parent else None, path, event.anchor, self._count)
        stack.append(frame)
        return frame

    def _path(self, parent: _Frame, event: Any) -> Path:
        """The path of the value that starts here; only worked out when positions are wanted or to merge."""
        if not self._wants_positions:
            return ()
        if parent.key is not None:
            return (*parent.path, parent.key)
        path = (*parent.path, len(parent.value))
        self.positions[path] = event.start_mark.line + 1, event.start_mark.column + 1
        return path

    def _put(self, frame: _Frame, value: Any, event: Any) -> None:
        if frame.keys is None:
            if self._wants_positions and type(value) not in (dict, list):
                self._path(frame, event)
            frame.value.append(value)
            return
        key = frame.key
        frame.key = None
        if key == _MERGE:
            frame.merges.extend(_mergeable(value, event))
        else:
            frame.value[key] = value
            frame.nulls = frame.nulls or value is None

    def _scalar(self, event: Any, text: str) -> Any:
        tag = event.tag
        try:
            if not tag:
                return plain(text)
            if tag not in _STANDARD_TAGS:
                raise _at(event, f"the tag {_short(tag)} has no meaning here", "remove the tag")
            return plain(text)
        except ValueError as error:
            raise _at(event, str(error), "write it as a string or as a number") from None

    def _alias(self, event: Any) -> Any:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise _at(
                event,
                f"the alias *{_short(event.anchor)} has no anchor before it",
                f"put &{_short(event.anchor)} where the value is first written",
            )
        self._count += known[1]
        return known[0]


def _is_string(event: Any) -> bool:
    """Quoted, a block, or tagged as a string."""
    tag = event.tag
    return (not event.implicit[0] and not tag) or tag in _STRING_TAGS


def _mergeable(value: Any, event: Any) -> list[dict[str, Any]]:
    parts = value if type(value) is list else [value]
    if not all(type(part) is dict for part in parts):
        raise _at(event, "<< merges mappings only", "give it an alias of a mapping")
    return parts


def _closed(frame: _Frame) -> dict[str, Any]:
    """YAML 1.1 merge keys: own keys win, then earlier mappings. Then nulls go."""
    out: dict[str, Any] = {}
    for part in reversed(frame.merges):
        out.update(part)
    out.update(frame.value)
    if frame.name in STRING_MAPS:
        return {key: "" if value is None else value for key, value in out.items()}
    return {key: value for key, value in out.items() if value is not None}


def _at(event: Any, message: str, remedy: str) -> DocumentError:
    mark = event.start_mark
    return DocumentError(message, mark.line + 1, mark.column + 1, remedy)


def _syntax(error: yaml.MarkedYAMLError) -> DocumentError:
    """libyaml's own words, which never quote the text; and the two mistakes that everybody makes."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "not YAML"
    remedy = "check the indentation of this line and of the one above it"
    if "cannot start any token" in problem:
        problem = "a tab or a character that YAML reserves (@ or `) starts a value"
        remedy = "indent with spaces, and quote values that start with @ or `"
    elif "mapping values are not allowed" in problem:
        problem, remedy = "a second ': ' on one line", "quote the value if it holds a colon and a space"
    context = f"{error.context}: " if error.context else ""
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return DocumentError(f"not YAML: {context}{problem}", line, column, remedy)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
