"""Arguments: where each value comes from, and `{{args.name}}` in every text of a metric.

What comes from a Secret stays a reference here, and its `{{args.name}}` stays as it is: the edge that
measures puts the value in, and nothing keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from reconciler.decide.analysis.reasons import Unfit
from reconciler.model.analysis import Argument, Metric, ValueFrom
from reconciler.model.base import typed
from reconciler.model.rollout import AnalysisRunArgument

_PLACE = re.compile(r"\{\{\s*args\.([^{}\s]+)\s*\}\}")
_PATH = re.compile(r"""\.?([^.\[\]'"]+)|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]""")


class Origin(msgspec.Struct, frozen=True):
    """What `valueFrom` is taken from: the hashes of both versions, and the asking object as plain data."""

    latest: str = ""
    stable: str = ""
    fields: dict[str, Any] = {}


def settled(
    declared: Iterable[Argument], given: Iterable[AnalysisRunArgument], origin: Origin
) -> tuple[Argument, ...]:
    """Each declared argument with its value: what is given, else the template's own. Raises `Unfit`.

    What is given and isn't declared is ignored, as in Argo Rollouts.
    """
    by_name = {a.name: a for a in given}
    return tuple(_settled(a, by_name.get(a.name), origin) for a in declared)


def _settled(declared: Argument, given: AnalysisRunArgument | None, origin: Origin) -> Argument:
    if given is not None:
        return Argument(name=given.name, value=_given(given, origin))
    source = declared.value_from
    if source is not None and source.field_ref is not None:
        return Argument(
            name=declared.name, value=field(origin.fields, source.field_ref.field_path, declared.name)
        )
    if source is not None and source.secret_key_ref is not None:
        return Argument(name=declared.name, value_from=ValueFrom(secret_key_ref=source.secret_key_ref))
    if declared.value is None:
        raise Unfit(f'the argument "{declared.name}" has no value: give it one in args, or in the template')
    return Argument(name=declared.name, value=_text(declared.value))


def _given(given: AnalysisRunArgument, origin: Origin) -> str:
    source = given.value_from
    if source is None:
        return _text(given.value)
    if source.pod_template_hash_value is not None:
        return origin.latest if source.pod_template_hash_value == "Latest" else origin.stable
    if source.field_ref is not None:
        return field(origin.fields, source.field_ref.field_path, given.name)
    return _text(given.value)


def _text(value: object) -> str:
    """As JSON has it: `true`, not `True`."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def in_full(value: Any) -> Any:
    """An object as plain data with its defaults, for `fieldRef`: `replicas: 1` is there to be read."""
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        given = ((json_name, getattr(value, name)) for name, json_name in names)
        return {json_name: in_full(one) for json_name, one in given if one is not None and one != ""}
    if isinstance(value, Mapping):
        return {key: in_full(one) for key, one in value.items()}
    return [in_full(one) for one in value] if isinstance(value, list | tuple) else value


def field(fields: Mapping[str, Any], path: str, name: str) -> str:
    """The text at `metadata.labels['env']` or `spec.steps[0].x`. Raises `Unfit` where nothing is there; only
    a label or an annotation that the object hasn't is empty, and all of them are lines (Kubernetes:
    ExtractFieldPathAsString).
    """
    at: Any = fields
    parts = _parts(path, name)
    for part in parts:
        if isinstance(at, Mapping):
            at = at.get(part)
        elif isinstance(at, list | tuple) and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
        else:
            at = None
    if parts[:2] in (["metadata", "labels"], ["metadata", "annotations"]):
        if len(parts) == 2 and isinstance(at, Mapping):
            return "\n".join(f"{key}={_quoted(one)}" for key, one in sorted(at.items()))
        if len(parts) == 3 and at is None:
            return ""
    if at is None:
        raise Unfit(f'the argument "{name}": the object has no {path}')
    if isinstance(at, Mapping | list | tuple):
        raise Unfit(f'the argument "{name}": {path} is more than one value; name one field')
    return _text(at)


def _quoted(text: object) -> str:
    return msgspec.json.encode(text).decode()


def _parts(path: str, name: str) -> list[str]:
    parts, at = [], 0
    normal = re.sub(r"\[(\d+)\]", r".\1", path)
    while at < len(normal):
        match = _PATH.match(normal, at)
        if match is None:
            raise Unfit(f'the argument "{name}": {path} isn\'t the path of a field')
        parts.append(next(g for g in match.groups() if g is not None))
        at = match.end()
    return parts


def filled(metric: Metric, args: Iterable[Argument]) -> Metric:
    """The metric with every value in it that is known; secrets' places stay. Raises `Unfit`."""
    known = {a.name: a for a in args}

    def value(name: str) -> str | None:
        if name not in known:
            raise Unfit(f'metric "{metric.name}": there is no argument "{name}" for {{{{args.{name}}}}}')
        return None if known[name].value is None else _text(known[name].value)

    return replaced(metric, value)


def replaced(metric: Metric, value: Callable[[str], str | None]) -> Metric:
    """With `value(name)` for each `{{args.name}}`; None leaves it. Raises `Unfit`, which shows no value."""

    def text(match: re.Match[str]) -> str:
        found = value(match.group(1))
        return match.group(0) if found is None else found

    def walk(data: Any) -> Any:
        if isinstance(data, str):
            return _PLACE.sub(text, data)
        if isinstance(data, dict):
            return {walk(k): walk(v) for k, v in data.items()}
        return [walk(x) for x in data] if isinstance(data, list | tuple) else data

    plain = msgspec.to_builtins(metric)
    try:
        return msgspec.convert(walk(plain), typed(Metric))
    except msgspec.ValidationError as error:
        where = str(error).rpartition(" - at ")[2]
        raise Unfit(f'metric "{metric.name}": with its arguments in it, {where} has no valid value') from None


def places(data: Any) -> set[str]:
    """The arguments that are still to be put in, anywhere in `data`."""
    plain = msgspec.to_builtins(data)
    return set(_PLACE.findall(msgspec.json.encode(plain).decode()))
