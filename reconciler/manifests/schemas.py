"""JSON Schemas of every kind, made from the models: for editors, and for `explain` to word errors by.

`python -m reconciler.manifests.schemas --write` writes them into schemas/, `--check` fails when they are
out of date. They allow null where Kubernetes does: everywhere but in required fields.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from reconciler.model.base import Model
from reconciler.model.fleet import Fleet
from reconciler.model.kinds import KINDS

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parents[2] / "schemas"


@cache
def schema_of(kind: type[Model]) -> Schema:
    """One kind's schema as the models say it: nulls have been dropped from what it is asked about."""
    (reference,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {"$schema": DIALECT, **reference, "$defs": definitions}


def files() -> dict[str, str]:
    """File name -> text of every schema: one a kind, and all.json, which picks by kind."""
    kinds: dict[tuple[str, str], type[Model]] = {**KINDS, ("reconciler.io/v1", "Fleet"): Fleet}
    out = {f"{kind.lower()}.json": _for_editors(model) for (_, kind), model in kinds.items()}
    out["all.json"] = _choice(kinds)
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in sorted(out.items())}


def _for_editors(kind: type[Model]) -> Schema:
    schema: Schema = json.loads(json.dumps(schema_of(kind)))
    for definition in schema["$defs"].values():
        required = definition.get("required", ())
        for name, field in definition.get("properties", {}).items():
            if name not in required:
                definition["properties"][name] = _nullable(field)
    return {**schema, "title": kind.__name__}


def _nullable(field: Schema) -> Schema:
    """With null allowed, and without a default that says nothing."""
    default = field.pop("default", None)
    if {"type": "null"} not in field.get("anyOf", ()):
        field = {"anyOf": [field, {"type": "null"}]}
    return field if default in (None, "", [], {}) else {**field, "default": default}


def _choice(kinds: dict[tuple[str, str], type[Model]]) -> Schema:
    names = sorted({kind for _, kind in kinds})
    return {
        "$schema": DIALECT,
        "title": "Manifest",
        "description": "Any object that a fleet repository may hold; picks the schema by `kind`.",
        "type": "object",
        "properties": {
            "apiVersion": {"enum": sorted({version for version, _ in kinds} | {"v1"})},
            "kind": {"enum": [*names, "List"]},
        },
        "required": ["apiVersion", "kind"],
        "allOf": [
            {"if": {"properties": {"kind": {"const": name}}}, "then": {"$ref": f"{name.lower()}.json"}}
            for name in names
        ]
        + [
            {
                "if": {"properties": {"kind": {"const": "List"}}},
                "then": {"properties": {"items": {"type": "array", "items": {"$ref": "#"}}}},
            }
        ],
    }


def outdated(folder: Path = FOLDER) -> list[str]:
    """Names of files in `folder` that differ from what the models say, or shouldn't be there."""
    wanted = files()
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    wanted = files()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)


def main(arguments: list[str]) -> int:
    if arguments in ([], ["--write"]):
        write()
        return 0
    if arguments != ["--check"]:
        print("usage: python -m reconciler.manifests.schemas [--write|--check]", file=sys.stderr)
        return 2
    if names := outdated():
        print(f"schemas/ is out of date: {', '.join(names)}; run `make schemas`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
