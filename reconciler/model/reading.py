"""Which ConfigMaps and Secrets a pod names: what it reads, and what its images are pulled with."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.container import Container
from reconciler.model.meta import Key
from reconciler.model.pod import PodSpec
from reconciler.model.volume import Volume


def reads(spec: PodSpec, namespace: str) -> tuple[Key, ...]:
    """The ConfigMaps and Secrets that a pod reads, sorted, whether optional or not."""
    names: set[tuple[str, str]] = set()
    for container in spec.every_container():
        names.update(_environment(container))
    for volume in spec.volumes:
        names.update(_volume(volume))
    return tuple(sorted(Key(kind, namespace, name) for kind, name in names))


def pull_secrets(spec: PodSpec, namespace: str) -> tuple[Key, ...]:
    """The registry logins that a pod names."""
    return tuple(Key("Secret", namespace, one.name) for one in spec.image_pull_secrets)


def _environment(container: Container) -> Iterator[tuple[str, str]]:
    for source in container.env_from:
        if source.config_map_ref:
            yield "ConfigMap", source.config_map_ref.name
        if source.secret_ref:
            yield "Secret", source.secret_ref.name
    for origin in (variable.value_from for variable in container.env):
        if origin and origin.config_map_key_ref:
            yield "ConfigMap", origin.config_map_key_ref.name
        if origin and origin.secret_key_ref:
            yield "Secret", origin.secret_key_ref.name


def _volume(volume: Volume) -> Iterator[tuple[str, str]]:
    if volume.config_map:
        yield "ConfigMap", volume.config_map.name
    if volume.secret:
        yield "Secret", volume.secret.secret_name
    for part in volume.projected.sources if volume.projected else ():
        if part.config_map:
            yield "ConfigMap", part.config_map.name
        if part.secret:
            yield "Secret", part.secret.name
