"""The committed schemas are what the models say, and say it in words that `explain` knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.manifests import reference, schemas
from reconciler.manifests.explain import _BOUNDS
from reconciler.manifests.words import PATTERNS
from reconciler.model.fleet import Fleet
from reconciler.model.kinds import KINDS

SCHEMAS = {name: json.loads(text) for name, text in schemas.files().items()}
FLEET = Path(__file__).parent / "fleet"


def test_the_committed_schemas_are_up_to_date() -> None:
    assert schemas.outdated() == [], "run `make schemas`"


def test_the_committed_reference_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"]) == 0, capsys.readouterr().err


def test_check_fails_when_a_schema_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas, "FOLDER", tmp_path)
    schemas.write(tmp_path)
    (tmp_path / "pod.json").write_text("{}")
    (tmp_path / "gone.json").write_text("{}")
    assert schemas.outdated(tmp_path) == ["gone.json", "pod.json"]
    schemas.write(tmp_path)
    assert schemas.outdated(tmp_path) == []
    assert schemas.main(["--nope"]) == 2
    assert "usage" in capsys.readouterr().err


def test_each_schema_is_one() -> None:
    """A definition stands in many schemas: it is looked at once."""
    parts = [{k: v for k, v in schema.items() if k != "$defs"} for schema in SCHEMAS.values()]
    parts += [definition for schema in SCHEMAS.values() for definition in schema.get("$defs", {}).values()]
    distinct = {json.dumps(part, sort_keys=True): part for part in parts}
    assert len(SCHEMAS) < len(distinct) < len(parts)
    for part in distinct.values():
        jsonschema.Draft202012Validator.check_schema(part)


def test_every_fixture_fits_its_schema() -> None:
    for file in [*FLEET.rglob("*.y*ml"), *FLEET.rglob("*.json")]:
        for document in yaml.safe_load_all(file.read_text()):
            for value in document.get("items", [document]):
                if "kind" in value:
                    schema = SCHEMAS[f"{value['kind'].lower()}.json"]
                    jsonschema.Draft202012Validator(schema).validate(value)


def test_editors_may_write_null_where_kubernetes_does() -> None:
    pod = jsonschema.Draft202012Validator(SCHEMAS["pod.json"])
    value = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "labels": None, "creationTimestamp": None},
    }
    pod.validate({**value, "spec": {"containers": [{"name": "a", "image": "a", "resources": None}]}})
    with pytest.raises(jsonschema.ValidationError):
        pod.validate({**value, "spec": {"containers": None}})


KEYWORDS = {
    "type",
    "enum",
    "const",
    "pattern",
    "anyOf",
    "required",
    "additionalProperties",
    "propertyNames",
    *_BOUNDS,
}
SILENT = {"$ref", "$defs", "$schema", "title", "description", "default", "properties", "items"}


@pytest.mark.parametrize("kind", [*KINDS.values(), Fleet])
def test_everything_a_schema_can_refuse_has_its_words(kind: Any) -> None:
    schema = schemas.schema_of(kind)
    for definition in schema["$defs"].values():
        fields = [*definition.get("properties", {}).values()]
        for part in (p for field in [definition, *fields] for p in everywhere_but_properties(field)):
            assert part.keys() <= KEYWORDS | SILENT, part
            assert part.get("pattern") in {None, *PATTERNS}, part


def everywhere_but_properties(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield value
    for key in ("items", "propertyNames", "additionalProperties"):
        if isinstance(value.get(key), dict):
            yield from everywhere_but_properties(value[key])
    for branch in value.get("anyOf", []):
        yield from everywhere_but_properties(branch)
