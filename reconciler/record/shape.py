"""A manifest's value as an API server shows it: with the defaults filled in that its author left out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from reconciler.model.base import Model

EMPTY: tuple[object, ...] = ((), {}, "")


def shape(value: Any) -> Any:
    """Plain JSON values. A field is left out where it is empty and wasn't asked for (`emptyDir: {}` was)."""
    if isinstance(value, Model):
        return _object(value)
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [shape(v) for v in value]
    return value


def _object(value: Model) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, key, required, default in _fields(type(value)):
        found = getattr(value, name)
        if (found is None or found is False or found in EMPTY) and not required:
            continue
        shaped = shape(found)
        if shaped == {} and found == default:
            continue
        shown[key] = shaped
    return shown


@lru_cache(maxsize=512)
def _fields(type_: type[Model]) -> tuple[tuple[str, str, bool, Any], ...]:
    """(attribute, JSON key, required, default) of each: msgspec resolves the annotations at each call."""
    return tuple((f.name, f.encode_name, f.required, f.default) for f in msgspec.structs.fields(type_))
