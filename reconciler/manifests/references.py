"""Where a pod reads ConfigMaps and Secrets, with the place in the manifest that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reconciler.manifests.documents import Path
from reconciler.model.container import Container
from reconciler.model.pod import PodSpec
from reconciler.model.volume import KeyToPath, Volume


class Reference(NamedTuple):
    """`key` is empty when the whole object is read. `needed` is False for pull secrets."""

    kind: str
    name: str
    path: Path
    key: str = ""
    optional: bool = False
    needed: bool = True


def references(spec: PodSpec, path: Path) -> Iterator[Reference]:
    """Every reference of one pod spec, in the order of the manifest."""
    for field, group in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(group):
            if container.env or container.env_from:
                yield from _environment(container, (*path, field, index))
    for index, volume in enumerate(spec.volumes):
        yield from _volume(volume, (*path, "volumes", index))
    for index, secret in enumerate(spec.image_pull_secrets):
        yield Reference("Secret", secret.name, (*path, "imagePullSecrets", index), needed=False)


def _environment(container: Container, path: Path) -> Iterator[Reference]:
    for index, variable in enumerate(container.env):
        if (origin := variable.value_from) is None:
            continue
        at = (*path, "env", index, "valueFrom")
        if one := origin.config_map_key_ref:
            yield Reference("ConfigMap", one.name, (*at, "configMapKeyRef"), one.key, one.optional)
        if two := origin.secret_key_ref:
            yield Reference("Secret", two.name, (*at, "secretKeyRef"), two.key, two.optional)
    for index, source in enumerate(container.env_from):
        at = (*path, "envFrom", index)
        if every := source.config_map_ref:
            yield Reference("ConfigMap", every.name, (*at, "configMapRef"), optional=every.optional)
        if secret := source.secret_ref:
            yield Reference("Secret", secret.name, (*at, "secretRef"), optional=secret.optional)


def _volume(volume: Volume, path: Path) -> Iterator[Reference]:
    if one := volume.config_map:
        yield from _files("ConfigMap", one.name, one.items, one.optional, (*path, "configMap"))
    if two := volume.secret:
        yield from _files("Secret", two.secret_name, two.items, two.optional, (*path, "secret"))
    for index, part in enumerate(volume.projected.sources if volume.projected else ()):
        at = (*path, "projected", "sources", index)
        if config := part.config_map:
            yield from _files("ConfigMap", config.name, config.items, config.optional, (*at, "configMap"))
        if secret := part.secret:
            yield from _files("Secret", secret.name, secret.items, secret.optional, (*at, "secret"))


def _files(
    kind: str, name: str, items: Sequence[KeyToPath], optional: bool, path: Path
) -> Iterator[Reference]:
    yield Reference(kind, name, path, optional=optional)
    for index, item in enumerate(items):
        yield Reference(kind, name, (*path, "items", index), item.key, optional)
