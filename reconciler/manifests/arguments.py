"""`{{args.name}}` in metrics: found, and kept out of the way while everything around it is checked.

Argo Rollouts fills arguments into any text of a metric, also where a label or a name of a certain form is
asked for. Braces fit none of these forms, so a stand-in that fits all is put in their place, and taken out
again afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from reconciler.manifests.documents import Path
from reconciler.model.base import Model

WITH_METRICS = frozenset({"AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"})
"""Kinds in which arguments may stand."""

_BRACES = re.compile(r"\{\{[^{}]*\}\}")
_ARGUMENT = re.compile(r"\{\{\s*args\.([^{}\s]+)\s*\}\}")

_STAND_IN = re.compile(r"argument-[0-9]+-in-braces")

Texts = dict[str, str]
"""Stand-in -> what it stands for."""


def has_argument(text: object) -> bool:
    """`{{args.count}}`: what it comes to isn't known before a run begins."""
    return isinstance(text, str) and _ARGUMENT.search(text) is not None


def used(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """(where, name) of each argument in plain data."""
    if isinstance(value, str):
        for found in _ARGUMENT.finditer(value):
            yield path, found[1]
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from used(one, (*path, key))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from used(one, (*path, index))


def hidden(value: dict[str, Any]) -> tuple[dict[str, Any], Texts]:
    """A manifest with stand-ins in its metrics; the same manifest when there is nothing to hide."""
    spec = value.get("spec")
    if value.get("kind") not in WITH_METRICS or type(spec) is not dict or "metrics" not in spec:
        return value, {}
    texts: Texts = {}
    metrics = _in_all(
        spec["metrics"], lambda text: _BRACES.sub(lambda found: _stand_in(found[0], texts), text)
    )
    return ({**value, "spec": {**spec, "metrics": metrics}}, texts) if texts else (value, texts)


def with_stand_ins(item: Model) -> tuple[Any, Texts]:
    """A typed part of a metric, so that it can be judged as if it had no arguments."""
    texts: Texts = {}
    return _in_all(item, lambda text: _BRACES.sub(lambda found: _stand_in(found[0], texts), text)), texts


def _stand_in(text: str, texts: Texts) -> str:
    name = f"argument-{len(texts)}-in-braces"
    texts[name] = text
    return name


def shown_again(value: Any, texts: Texts) -> Any:
    """The same with what the stand-ins stand for: a typed object, plain data or a message."""
    return _in_all(value, lambda text: _filled(text, texts)) if texts else value


def _filled(text: str, texts: Texts) -> str:
    return _STAND_IN.sub(lambda found: texts.get(found[0], found[0]), text)


def _in_all(value: Any, change: Callable[[str], str]) -> Any:
    """Every text in it changed. Parts without a change stay the objects that they are."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _in_all(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_in_all(one, change) for one in value)
    if isinstance(value, Model):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        new = {name: _in_all(one, change) for name, one in fields.items()}
        differs = {name: one for name, one in new.items() if one != fields[name]}
        return replace(value, **differs) if differs else value
    return value
