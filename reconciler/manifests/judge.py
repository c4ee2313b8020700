"""One object's value becomes a typed object and everything that is to be said of it alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import msgspec

from reconciler.manifests import rules
from reconciler.manifests.arguments import WITH_METRICS, Texts, hidden, shown_again
from reconciler.manifests.builtin import supported_kinds, unsupported
from reconciler.manifests.decode import decode, with_defaults
from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown
from reconciler.manifests.unset import without_unset
from reconciler.model.base import Model
from reconciler.model.kinds import KINDS, Object

FLEET = "Fleet"
_PRIVATE = frozenset({"headers", "authentication"})
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)


def judge(value: Any) -> tuple[Object | None, tuple[Said, ...]]:
    """The object, None if it can't be one, and what was found. Never raises for what `value` is."""
    said = tuple(_no_object(value))
    if said:
        return None, said
    try:
        item = decode(value)
    except msgspec.ValidationError as error:
        if (given := without_unset(value)) != value:
            return judge(given)
        plain, texts = hidden(with_defaults(value))
        found = why(plain, KINDS[value["apiVersion"], value["kind"]], error)
        return None, tuple(_as_written(one, texts) for one in found)
    return item, tuple(rules.check(item))


def _as_written(said: Said, texts: Texts) -> Said:
    return said._replace(message=shown_again(said.message, texts), found=shown_again(said.found, texts))


def _no_object(value: Any) -> Iterator[Said]:
    """Why this can't even be looked at as a kind."""
    if type(value) is not dict:
        message = f"expected an object with apiVersion and kind, found {shown(value)}"
        yield Said((), message, "keep files that aren't manifests out of the source", rule="kind")
        return
    if "sops" in value:
        message = "is encrypted with sops, and the field sops isn't supported yet"
        remedy = "decrypt it first (sops --decrypt --in-place) in a private repository"
        yield Said(("sops",), message, remedy, rule="unsupported")
        return
    missing = [name for name in ("apiVersion", "kind") if not isinstance(value.get(name), str)]
    for name in missing:
        yield _no_field(name, value)
    if missing:
        return
    if value["kind"] == "List":
        message = f"expected a list, found {shown(value.get('items'))}"
        yield Said(("items",), message, "put the objects under items", rule="schema")
    elif (value["apiVersion"], value["kind"]) not in KINDS:
        message, remedy = unsupported(value["apiVersion"][:80], value["kind"][:80])
        yield Said(("kind",), message, remedy, rule="kind")


def _no_field(name: str, value: dict[str, Any]) -> Said:
    if name in value:
        message = f"expected a string, found {shown(value[name])}"
        return Said((name,), message, "quote it", rule="kind")
    near = get_close_matches(name.lower(), {str(key).lower(): 0 for key in value}, 1, 0.7)
    found = next((key for key in value if near and key.lower() == near[0]), None)
    remedy = (
        f"write {name} instead of {found}" if found else f"add it; supported kinds are {supported_kinds()}"
    )
    return Said(() if found is None else (found,), f"{name} is missing", remedy, rule="kind")


def why(value: Any, kind: type[Model], error: msgspec.ValidationError) -> list[Said]:
    """Every violation, worded; what only the decoder noticed in its own words. Secrets stay hidden, and so do
    passwords of metrics.
    """
    from reconciler.manifests.explain import explain

    said = explain(value, kind) or [_decoder(error)]
    if kind.__name__ in WITH_METRICS:
        return [_without_password(one) for one in said]
    return [_hidden(one) for one in said] if kind.__name__ == "Secret" else said


def _decoder(error: msgspec.ValidationError) -> Said:
    found = _AT.match(str(error))
    assert found is not None
    parts = re.findall(r"[^.\[\]]+", found["path"] or "")
    path: Path = tuple(int(part) if part.isdigit() else part for part in parts)
    return Said(path, found["what"].replace("`", ""), rule="schema")


def _without_password(said: Said) -> Said:
    """What stands in a header or for a user may be a password, wherever in there it was written."""
    if not said.found or _PRIVATE.isdisjoint(said.path) or said.path[-1] == "key":
        return said
    return said._replace(message=f"expected {said.expected}", found="")


def _hidden(said: Said) -> Said:
    """A Secret's values, and keys that may be values written in the wrong place, never show."""
    if not said.path or said.path[0] not in ("data", "stringData") or said.rule != "schema":
        return said
    wrong_key = said.message.startswith("the key")
    message = f"a key should be {said.expected}" if wrong_key else f"expected {said.expected}"
    path = said.path[:1] if wrong_key else said.path
    return said._replace(path=path, message=message, found="")
