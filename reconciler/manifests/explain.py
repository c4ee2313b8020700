"""Why an object doesn't fit its type: every violation of its schema, worded.

Only called when decoding failed, so it may take its time; jsonschema is imported here and not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from reconciler.manifests.documents import Path
from reconciler.manifests.fields import REFUSED_BY_NAME, REMEDIES_BY_NAME
from reconciler.manifests.said import Said, shown
from reconciler.manifests.schemas import schema_of
from reconciler.manifests.words import PATTERNS, WAYS, choice, of_type, quote_it
from reconciler.model import names
from reconciler.model.base import Model

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MAX_ERRORS = 100
"""Of one object: who gets a hundred wants to fix the first."""


def explain(value: Any, kind: type[Model]) -> list[Said]:
    """Every way in which `value` violates the schema of `kind`, in the order of the file; no null is left."""
    out: list[Said] = []
    for error in _validator(kind).iter_errors(value):
        out.extend(_said(error, ()))
        if len(out) >= MAX_ERRORS:
            break
    return list(dict.fromkeys(out))


@cache
def _validator(kind: type[Model]) -> Validator:
    """3.0 is no integer, as for the decoder."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    checked = extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]  # has no types
    validator: Validator = checked(schema_of(kind))
    return validator


def _said(error: ValidationError, above: Path) -> Iterator[Said]:
    path = (*above, *error.relative_path)
    if error.validator == "anyOf":
        yield from _any_of(error, path)
    elif error.validator == "additionalProperties":
        yield from _unknown(error, path)
    elif error.validator == "required":
        yield from _missing(error, path)
    elif "propertyNames" in error.relative_schema_path:
        yield _key(error, path)
    else:
        yield _value(error, path)


def _any_of(error: ValidationError, path: Path) -> Iterator[Said]:
    """Of several forms, the errors of the one that was meant: the only one whose type is right."""
    schema: Any = error.schema
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    meant = [inner for inner in branches.values() if not any(_other_type(e) for e in inner)]
    if len(meant) == 1:
        for inner_error in meant[0]:
            yield from _said(inner_error, path)
        return
    forms = [_form(branch) for branch in schema["anyOf"] if branch.get("type") != "null"]
    expected = " or ".join(dict.fromkeys(forms))
    remedy = quote_it(error.instance, expected) or next(
        (PATTERNS[b["pattern"]][1] for b in schema["anyOf"] if b.get("pattern") in PATTERNS), ""
    )
    yield _expected(path, expected, error.instance, remedy)


def _form(branch: dict[str, Any]) -> str:
    return "a mapping" if "$ref" in branch else of_type(branch)


def _other_type(error: ValidationError) -> bool:
    """The branch asks for another type at its very root; one of a few words is text."""
    if error.relative_path:
        return False
    words: Any = error.validator_value
    few = error.validator == "enum" and not any(type(word) is type(error.instance) for word in words)
    return few or error.validator == "type"


def _unknown(error: ValidationError, path: Path) -> Iterator[Said]:
    """Keys that the model doesn't have: known to Kubernetes and refused, or misspelt."""
    schema: Any = error.schema
    known = schema.get("properties", {})
    refused = REFUSED_BY_NAME.get(schema.get("title", ""), {})
    instance: Any = error.instance
    for key in (key for key in instance if key not in known):
        if key in refused:
            remedy = REMEDIES_BY_NAME.get(schema.get("title", ""), {}).get(key, "remove the field")
            yield Said((*path, key), f"not supported: {refused[key]}", remedy, rule="unsupported")
        else:
            message = f'unknown field "{key[:60]}"'
            yield Said((*path, key), message, _suggestion(key, [*known, *refused]), rule="unknown-field")


def _suggestion(key: str, known: list[str]) -> str:
    lower = {name.lower(): name for name in known}
    close = get_close_matches(key[:60].lower(), lower, 1, 0.6)
    if close:
        return f"did you mean {lower[close[0]]}?"
    few = ", ".join(sorted(known)[:12])
    return f"known here: {few}{', ...' if len(known) > 12 else ''}"


def _missing(error: ValidationError, path: Path) -> Iterator[Said]:
    schema: Any = error.schema
    instance: Any = error.instance
    for name in (name for name in schema["required"] if name not in instance):
        field = schema["properties"][name]
        expected = _form(field) if "anyOf" not in field else "a value"
        message = f"is missing, expected {expected}"
        yield Said((*path, name), message, f"add {name}", rule="required", expected=expected)


def _key(error: ValidationError, path: Path) -> Said:
    """A wrong key of a map, such as a label's name."""
    expected, remedy = PATTERNS.get(str(error.validator_value), ("a shorter key", "shorten it"))
    found = shown(error.instance)
    return Said(
        (*path, str(error.instance)),
        f"the key should be {expected}, found {found}",
        remedy,
        rule="schema",
        expected=expected,
        found=found,
    )


def _value(error: ValidationError, path: Path) -> Said:
    limit: Any = error.validator_value
    match error.validator:
        case "type":
            schema: Any = error.schema
            form = {"pattern": names.DURATION} if schema.get("pattern") == names.DURATION else {}
            expected = of_type({"type": limit, "title": schema.get("title", ""), **form})
            remedy = WAYS.get(expected) or quote_it(error.instance, expected)
        case "enum" | "const":
            values = limit if error.validator == "enum" else [limit]
            expected = choice(values)
            close = get_close_matches(str(error.instance)[:60], [str(v) for v in values], 1, 0.6)
            remedy = f"did you mean {close[0]}?" if close else ""
        case "pattern":
            expected, remedy = PATTERNS.get(limit, (f"text of the form {limit}", ""))
        case bound:
            expected, remedy = _BOUNDS[str(bound)].format(limit), ""
    return _expected(path, expected, error.instance, remedy)


_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "minLength": "at least {} characters",
    "minItems": "at least {} of them",
}
"""The other keywords that the models' schemas use; a test sees to it that none is missing."""


def _expected(path: Path, expected: str, value: object, remedy: str = "") -> Said:
    found = shown(value)
    return Said(
        path, f"expected {expected}, found {found}", remedy, rule="schema", expected=expected, found=found
    )
