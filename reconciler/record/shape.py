"""A manifest's value as an API server shows it: with the defaults filled in that its author left out."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.model.base import Model


def shape(value: Any) -> Any:
    """Plain JSON values. A field is left out where it is empty and wasn't asked for (`emptyDir: {}` was)."""
    if isinstance(value, Model):
        shaped = ((f, getattr(value, f.name)) for f in msgspec.structs.fields(value))
        return {f.encode_name: shape(v) for f, v in shaped if not _unsaid(f, v)}
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [shape(v) for v in value]
    return value


def _unsaid(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    if value is None or value is False or value in ((), {}, ""):
        return not field.required
    return isinstance(value, Model) and value == field.default and not shape(value)
