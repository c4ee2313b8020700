"""docs/manifests.md: every kind and field, what it does here, made from the models and the tables.

`python -m reconciler.manifests.reference --write|--check`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import inspect, structs

from reconciler.manifests import limits
from reconciler.manifests.builtin import INSTEAD
from reconciler.manifests.fields import NOTED, REFUSED
from reconciler.manifests.honoured import HONOURED
from reconciler.manifests.rollout_fields import REMEDIES
from reconciler.manifests.schemas import schema_of
from reconciler.manifests.words import TYPES, choice
from reconciler.model.base import Model
from reconciler.model.ingress_annotations import HONOURED as INGRESS_ANNOTATIONS
from reconciler.model.kinds import KINDS
from reconciler.model.labels import (
    DRAIN_ANNOTATION,
    INIT_ANNOTATION,
    LOG_DRIVER,
    LOG_MAX_FILES,
    LOG_MAX_SIZE,
    PROXY_PROTOCOL_ANNOTATION,
    STRATEGY_ANNOTATION,
)

FILE = Path(__file__).parents[2] / "docs" / "manifests.md"
OWN = {
    INIT_ANNOTATION: ("pod", '`"true"`: Docker\'s init is PID 1 of each container'),
    DRAIN_ANNOTATION: ("pod", "seconds that its stop waits, before preStop, for what it is answering"),
    LOG_DRIVER: (
        "pod",
        "`json-file` or `local`: how its logs are kept (`spec.logs.driver`)",
    ),
    LOG_MAX_SIZE: ("pod", "the size of a file of its logs (`spec.logs.maxSize`)"),
    LOG_MAX_FILES: ("pod", "how many files of its logs are kept (`spec.logs.maxFiles`)"),
    PROXY_PROTOCOL_ANNOTATION: (
        "Service",
        "`v1` or `v2`: its pods are told clients' addresses in this form",
    ),
    STRATEGY_ANNOTATION: (
        "Deployment",
        "YAML of a [RolloutStrategy](#rolloutstrategy): it is delivered so, whatever its own says",
    ),
}
"""Annotation of our own -> (where it stands, what it does)."""
_LIMITS = (
    "MAX_FILE_BYTES",
    "MAX_DEPTH",
    "MAX_VALUES",
    "MAX_FILES",
    "MAX_TOTAL_BYTES",
    "RENDER_SECONDS",
    "MAX_RENDERED_BYTES",
)


def every_model() -> list[type[Model]]:
    """Every struct that a manifest can hold, kinds first, each once, in the order they are met."""
    seen: dict[type[Model], None] = {}
    stack: list[Any] = [inspect.type_info(kind) for kind in reversed(list(KINDS.values()))]
    while stack:
        info = stack.pop()
        if isinstance(info, inspect.StructType):
            if info.cls in seen:
                continue
            seen[cast("type[Model]", info.cls)] = None
            stack.extend(field.type for field in reversed(info.fields))
        else:
            stack.extend(_inside(info))
    return list(seen)


def _inside(info: Any) -> Iterator[Any]:
    yield from getattr(info, "types", ())
    for name in ("item_type", "key_type", "value_type"):
        if hasattr(info, name):
            yield getattr(info, name)


def honoured(kind: type[Model]) -> tuple[str, ...]:
    """The Python names of the fields that have an effect."""
    return HONOURED.get(kind.__name__, ())


def text() -> str:
    """The whole page."""
    sections = (line for kind in every_model() for line in _section(kind))
    return "\n".join([*_head(), *_annotations(), *sections, ""])


def _head() -> Iterator[str]:
    yield "# Manifests"
    yield ""
    yield "<!-- Made by `python -m reconciler.manifests.reference --write`; changes here are lost. -->"
    yield ""
    yield "Every kind and every field that the reconciler reads, with the names and defaults of Kubernetes,"
    yield "and of Argo Rollouts for `argoproj.io/v1alpha1`."
    yield "**works**: it does what it does there."
    yield "**note**: accepted without an effect; `reconciler validate` says so once per object."
    yield "**error**: it is known there, and the reconciler doesn't have it."
    yield "A field that isn't here is an error, too."
    yield ""
    yield (
        "Kinds: "
        + ", ".join(f"[{kind}](#{kind.lower()}) ({version})" for version, kind in KINDS)
        + ", and `List`."
    )
    yield (
        "A folder with a kustomization.yaml is rendered by `kustomize` or `kubectl kustomize`, within "
        "[its source's tree](operations.md#what-a-source-may-hold)."
    )
    yield ""
    yield "Instead of kinds that aren't there:"
    yield ""
    yield from (f"- {kind}: {what}" for kind, what in sorted(INSTEAD.items()))
    yield ""
    yield "Limits of what is read:"
    yield ""
    yield from (f"- `{name}` {getattr(limits, name):,}" for name in _LIMITS)


def _annotations() -> Iterator[str]:
    yield ""
    yield "## Annotations"
    yield ""
    yield "| annotation | on | |"
    yield "|---|---|---|"
    yield from (f"| `{name}` | {on} | {what} |" for name, (on, what) in OWN.items())
    yield from (f"| `{name}` | Ingress | {what} |" for name, what in sorted(INGRESS_ANNOTATIONS.items()))
    yield ""
    yield "Any other annotation may stand there and does nothing, with two exceptions among those of nginx,"
    yield "Traefik and HAProxy: one that changes how pages are served is a warning, and one that protects"
    yield "them (logins, client certificates, deny lists, Traefik's middlewares, firewalls) is an **error**,"
    yield "because a page that was protected would be served without it."


def _section(kind: type[Model]) -> Iterator[str]:
    schema = schema_of(kind)["$defs"][kind.__name__]
    yield ""
    yield f"## {kind.__name__}"
    yield ""
    if "description" in schema:
        yield schema["description"]
        yield ""
    yield "| field | type | default | |"
    yield "|---|---|---|---|"
    for field in structs.fields(kind):
        shape = schema["properties"][field.encode_name]
        default = "required" if field.encode_name in schema["required"] else _default(shape)
        why = NOTED.get(kind, {}).get(field.name)
        effect = f"note: {why}" if why else "works"
        yield f"| `{field.encode_name}` | {_shape(shape)} | {default} | {effect} |"
    for name, why in REFUSED.get(kind, {}).items():
        remedy = REMEDIES.get(kind, {}).get(name)
        yield f"| `{name}` | | | error: {why}{f'; {remedy}' if remedy else ''} |"


def _default(shape: dict[str, Any]) -> str:
    value = shape.get("default")
    return "" if value in (None, "", [], {}) else f"`{msgspec.json.encode(value).decode()}`"


def _shape(shape: dict[str, Any]) -> str:
    """A field's type in few words, with a link to the section that describes it."""
    if "$ref" in shape:
        name = shape["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in shape:
        forms = [_shape(branch) for branch in shape["anyOf"] if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(forms))
    if "enum" in shape:
        return choice(shape["enum"])
    if shape.get("type") == "array":
        return f"list of {_shape(shape['items'])}" if "items" in shape else "list"
    if shape.get("type") == "object":
        inner = shape.get("additionalProperties")
        return f"map of {_shape(inner)}" if isinstance(inner, dict) and inner else "mapping"
    kind = shape.get("type", "object")
    return TYPES[kind if isinstance(kind, str) else kind[0]].removeprefix("a ").removeprefix("an ")


def main(arguments: list[str]) -> int:
    if arguments in ([], ["--write"]):
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text())
        return 0
    if arguments != ["--check"]:
        print("usage: python -m reconciler.manifests.reference [--write|--check]", file=sys.stderr)
        return 2
    if not FILE.is_file() or FILE.read_text() != text():
        print(
            "docs/manifests.md is out of date; run `python -m reconciler.manifests.reference --write`",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
