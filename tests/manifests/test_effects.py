"""Every honoured field has an effect: changed alone, it changes what Docker, a probe or the plan gets."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from msgspec import inspect

from reconciler.manifests.reference import every_model, honoured
from reconciler.model.kinds import KINDS
from tests.manifests.effect_rows import CONTENTS, REMOVED, ROWS, data, pod
from tests.manifests.effects_of import SCENES, contents_of, on_docker
from tests.manifests.network_effects import JUDGED_ROWS, TOLD_ROWS

CHOOSES = {"api_version", "kind"}
"""They choose the model; another value is another kind or an error."""
ELSEWHERE = {
    ("Namespace", "metadata"): "its name is looked up by test_desired",
    ("ConfigMap", "metadata"): "its name is what is referred to",
    ("Secret", "metadata"): "its name is what is referred to",
    ("ConfigMap", "data"): "test_content_reaches_the_container",
    ("ConfigMap", "binary_data"): "test_content_reaches_the_container",
    ("Secret", "data"): "test_content_reaches_the_container",
    ("Secret", "string_data"): "test_content_reaches_the_container",
    ("Deployment", "metadata"): "its name and namespace are in the names of its pods",
    ("ReplicaSet", "metadata"): "its name and namespace are in the names of its pods",
    ("ReplicationController", "metadata"): "its name and namespace are in the names of its pods",
}

OVER_TIME = {"reconciler.model.rollout", "reconciler.model.analysis"}
"""What these say is seen only in the course of a delivery, not in one look: tests/decide has that.
test_rollout_fields sees to it that each is read."""


def changed(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set, or taken away; mappings on the way are made."""
    found = copy.deepcopy(manifest)
    *above, last = path.split("/")
    inner: Any = found
    for part in above:
        inner = inner[int(part)] if isinstance(inner, list) else inner.setdefault(part, {})
    if value is REMOVED:
        del inner[last]
    else:
        inner[last] = value
    return found


@pytest.mark.parametrize(
    ("scene", "manifest", "path", "value"), ROWS, ids=[f"{scene}-{path}" for scene, _, path, _ in ROWS]
)
def test_a_field_changed_alone_is_noticed(scene: str, manifest: Any, path: str, value: Any) -> None:
    look, contents = SCENES[scene], contents_of(*CONTENTS)
    before = look(manifest, contents)
    assert look(manifest, contents) == before
    assert look(changed(manifest, path, value), contents) != before


def test_every_honoured_field_is_tried() -> None:
    every = [*ROWS, *TOLD_ROWS, *JUDGED_ROWS]
    tried = {field for _, manifest, path, _ in every for field in on_the_way(manifest, path)}
    kinds = [kind for kind in every_model() if kind.__module__ not in OVER_TIME]
    wanted = {(kind.__name__, name) for kind in kinds for name in honoured(kind)}
    assert {f for f in wanted - tried - set(ELSEWHERE) if f[1] not in CHOOSES} == set()


def on_the_way(manifest: dict[str, Any], path: str) -> set[tuple[str, str]]:
    """(model, Python name) of every field that the path goes through."""
    kind = shape_of(manifest["apiVersion"], manifest["kind"])
    found: set[tuple[str, str]] = set()
    for part in path.split("/"):
        kind = _inner(kind)
        if isinstance(kind, inspect.StructType):
            field = next(f for f in kind.fields if f.encode_name == part)
            found.add((kind.cls.__name__, field.name))
            kind = field.type
        else:
            kind = getattr(kind, "item_type", None) or getattr(kind, "value_type", None)
    return found


@cache
def shape_of(api_version: str, kind: str) -> Any:
    return inspect.type_info(KINDS[api_version, kind])


def _inner(kind: Any) -> Any:
    """What it is when it isn't None."""
    if isinstance(kind, inspect.UnionType):
        return next((t for t in kind.types if not isinstance(t, inspect.NoneType)), kind)
    return kind


@pytest.mark.parametrize(
    ("kind", "field"),
    [("ConfigMap", "data"), ("ConfigMap", "binaryData"), ("Secret", "data"), ("Secret", "stringData")],
)
def test_content_reaches_the_container(kind: str, field: str) -> None:
    named = {"configMap": {"name": "x"}} if kind == "ConfigMap" else {"secret": {"secretName": "x"}}
    reader = pod({"volumes": [{"name": "v", **named}]}, volumeMounts=[{"name": "v", "mountPath": "/v"}])
    seen = [
        on_docker(reader, contents_of(data(kind, "x", **{field: {"k": value}}))) for value in ("eHh4", "eXl5")
    ]
    assert seen[0] != seen[1]


def test_a_field_that_nobody_reads_would_be_found() -> None:
    """The scenes don't see what is only repeated in labels: notes are for these fields."""
    contents = contents_of(*CONTENTS)
    for path, value in (("spec/serviceAccountName", "x"), ("spec/priority", 5), ("spec/hostUsers", False)):
        for scene in ("docker", "probes", "plan", "care"):
            look = SCENES[scene]
            assert look(changed(pod(), path, value), contents) == look(pod(), contents), (scene, path)
