"""What changed between a running pod and the version that is wanted: `spec.containers[app].image: v1 -> v2`.

Contents of ConfigMaps and Secrets are never shown: only their digest takes part, in the template hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from reconciler.decide.version import HASH_LABELS, Version
from reconciler.model.canonical import canonical
from reconciler.model.observed import PodRecord
from reconciler.model.pod import PodSpec

NAMED_BY = ("name", "containerPort", "mountPath", "key", "ip", "topologyKey")
"""Fields by which the items of a list are told apart, first match wins (Kubernetes: merge keys)."""
_SET_BY_US = tuple(f"metadata.labels[{label}]" for label in HASH_LABELS.values())
LONGEST = 60
"""Characters of a value that are shown."""


def changes(record: PodRecord, version: Version) -> tuple[str, ...]:
    """One line for each field, in the template's order; the last line speaks of contents that changed."""
    lines = [
        *_compare("metadata.labels", record.labels, version.labels),
        *_compare("metadata.annotations", record.annotations, version.annotations),
        *_compare("spec", _plain(record.spec), _plain(version.spec)),
    ]
    lines = [line for line in lines if not line.startswith(_SET_BY_US)]
    if not lines and record.template_hash != version.template_hash:
        lines = [_contents_changed(version)]
    return tuple(lines)


def summary(record: PodRecord, version: Version) -> str:
    """The most telling change in a few words: `image changed web:v1 -> web:v2`."""
    before, after = _images(record.spec), _images(version.spec)
    images = [(before[n], after[n]) for n in after if n in before and before[n] != after[n]]
    if images:
        more = f" and {len(images) - 1} more" if len(images) > 1 else ""
        return f"image changed {_without_common_place(*images[0])}{more}"
    lines = changes(record, version)
    if not lines:
        return "its template changed"
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"changed {lines[0]}{more}" if ": " in lines[0] else f"{lines[0]}{more}"


def _plain(spec: PodSpec) -> Any:
    return canonical(spec)


def _images(spec: PodSpec) -> dict[str, str]:
    return {c.name: c.image for c in spec.every_container()}


def _without_common_place(before: str, after: str) -> str:
    """`web:v1 -> web:v2`, when both come from the same registry and folder."""
    places = before.rpartition("/"), after.rpartition("/")
    if places[0][0] != places[1][0]:
        return f"{before} -> {after}"
    return f"{places[0][2]} -> {places[1][2]}"


def _contents_changed(version: Version) -> str:
    names = sorted(set(_references(_plain(version.spec))))
    if not names:
        return "its template changed"
    return f"{' or '.join(names)} changed" if len(names) < 3 else f"one of {', '.join(names)} changed"


def _references(value: Any, field: str = "") -> Iterator[str]:
    """`ConfigMap x`, `Secret y`: everything whose contents the pod reads."""
    if isinstance(value, dict):
        kind = {"configMap": "ConfigMap", "secret": "Secret"}.get(
            field.removesuffix("KeyRef").removesuffix("Ref")
        )
        name = value.get("name") or value.get("secretName")
        if kind and isinstance(name, str):
            yield f"{kind} {name}"
        for key, item in value.items():
            yield from _references(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item, field)


def _compare(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, list) and isinstance(after, list) and (named := _named(before, after)):
        yield from _compare_items(path, *named, "[{}]")
        kept = [[name for name in one if name in other] for one, other in (named, named[::-1])]
        if kept[0] != kept[1]:
            yield f"{path}: in another order"
    elif isinstance(before, dict) and isinstance(after, dict):
        plain = path.endswith(("labels", "annotations", "nodeSelector", "requests", "limits"))
        yield from _compare_items(path, before, after, "[{}]" if plain else ".{}")
    else:
        yield f"{path}: {_shown(before)} -> {_shown(after)}"


def _compare_items(path: str, before: dict[str, Any], after: dict[str, Any], form: str) -> Iterator[str]:
    for key in [*before, *(k for k in after if k not in before)]:
        yield from _compare(path + form.format(key), before.get(key), after.get(key))


def _named(before: list[Any], after: list[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Both lists as maps by the field that names their items; None if they have no such field."""
    items = [*before, *after]
    if not all(isinstance(i, dict) for i in items):
        return None
    for field in NAMED_BY:
        if all(field in i for i in items):
            maps = {str(i[field]): i for i in before}, {str(i[field]): i for i in after}
            unique = len(maps[0]) == len(before) and len(maps[1]) == len(after)
            return maps if unique else None
    return None


@lru_cache(maxsize=1)
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder()


def _shown(value: Any) -> str:
    if value is None:
        return "(unset)"
    text = value if isinstance(value, str) and value else _encoder().encode(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
