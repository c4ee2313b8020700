"""A container's environment. Pure.

Source of the rules: Kubernetes, pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables): envFrom first,
later entries win; env in order, each `$(VAR)` seeing what came before it. Since Kubernetes 1.34 a name
needn't be one that a shell takes (`1STARTS`), so every key of envFrom becomes a variable.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engine.pods.downward import Place, field_value, resource_value
from reconciler.engine.pods.expand import bounded, expand
from reconciler.engine.pods.unfit import Unfit
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.container import Container, EnvFromSource, EnvVarSource
from reconciler.model.desired import Contents
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord


def environment(container: Container, record: PodRecord, contents: Contents, place: Place) -> dict[str, str]:
    """Name -> value, in order. Raises `Unfit` naming the object and key that is missing."""
    values: dict[str, str] = {}
    size = 0
    for source in container.env_from:
        values |= _all_of(source, record.namespace, contents)
    for variable in container.env:
        if variable.value_from is None:
            values[variable.name] = expand(variable.value, values)
            size += len(values[variable.name])
            bounded(size)
            continue
        found = _value_from(variable.name, variable.value_from, container, record, contents, place)
        if found is not None:
            values[variable.name] = found
    return values


def _all_of(source: EnvFromSource, namespace: str, contents: Contents) -> dict[str, str]:
    reference, kind = (
        (source.config_map_ref, "ConfigMap") if source.config_map_ref else (source.secret_ref, "Secret")
    )
    if reference is None:
        return {}
    values = _texts(kind, namespace, reference.name, contents)
    if values is None:
        if reference.optional:
            return {}
        raise Unfit(f'envFrom: {kind} "{reference.name}" not found')
    return {source.prefix + key: _text(value, key, reference.name) for key, value in values.items()}


def _value_from(
    name: str, source: EnvVarSource, container: Container, record: PodRecord, contents: Contents, place: Place
) -> str | None:
    """None: optional and not there; then the variable isn't set."""
    if source.field_ref is not None:
        return field_value(source.field_ref.field_path, record, place)
    if source.resource_field_ref is not None:
        return resource_value(source.resource_field_ref, container, record, place.facts)
    key, kind = (
        (source.config_map_key_ref, "ConfigMap")
        if source.config_map_key_ref
        else (source.secret_key_ref, "Secret")
    )
    if key is None:
        raise Unfit(f"env {name}: valueFrom names no source")
    values = _texts(kind, record.namespace, key.name, contents)
    if values is not None and key.key in values:
        return _text(values[key.key], key.key, key.name)
    if key.optional:
        return None
    if values is None:
        raise Unfit(f'env {name}: {kind} "{key.name}" not found')
    raise Unfit(
        f'env {name}: {kind} "{key.name}" has no key "{key.key}"; '
        f"it has {', '.join(sorted(values)) or 'none'}"
    )


def _texts(kind: str, namespace: str, name: str, contents: Contents) -> Mapping[str, bytes] | None:
    """A ConfigMap's binaryData never becomes environment (Kubernetes)."""
    found = contents.get(Key(kind, namespace, name))
    if isinstance(found, ConfigMap):
        return {key: value.encode() for key, value in found.data.items()}
    return found.contents() if isinstance(found, Secret) else None


def _text(value: bytes, key: str, name: str) -> str:
    """What the Engine's JSON and the kernel can carry."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Unfit(f'key "{key}" of "{name}" is not UTF-8 text; mount it as a file') from None
    if "\0" in text:
        raise Unfit(f'key "{key}" of "{name}" holds a NUL byte; mount it as a file')
    return text
