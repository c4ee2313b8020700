"""Rules about volumes: one source each, paths that stay inside, sources that name something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import forms, resources
from reconciler.manifests.rules.containers import FIELDS, field_path, inside, one_of
from reconciler.manifests.said import Said
from reconciler.model.volume import DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection

_FILE_FIELDS = frozenset(f for f in FIELDS if f.startswith("metadata."))
_SOURCES = "emptyDir, hostPath, nfs, configMap, secret, projected, downwardAPI"


def check(volumes: Sequence[Volume], path: Path) -> Iterator[Said]:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        at = (*path, index)
        if volume.name in seen:
            message = f'a second volume is called "{volume.name}"'
            yield Said((*at, "name"), message, "give each its own name", rule="duplicate")
        seen.add(volume.name)
        yield from _source(volume, at)


def _source(volume: Volume, path: Path) -> Iterator[Said]:
    given = (volume.empty_dir, volume.host_path, volume.nfs, volume.config_map, volume.secret,
             volume.projected, volume.downward_api)  # fmt: skip
    if sum(one is not None for one in given) != 1:
        yield one_of(path, _SOURCES)
    if volume.empty_dir and volume.empty_dir.size_limit is not None and not volume.empty_dir.medium:
        why = "has no effect: Docker keeps no limit on a volume on disk; medium: Memory has one"
        yield Said((*path, "emptyDir", "sizeLimit"), why, severity="note", rule="no-effect")
    if volume.host_path:
        yield from _directory(volume.host_path.path, (*path, "hostPath", "path"))
    if volume.nfs:
        yield from forms.host(volume.nfs.server, (*path, "nfs", "server"))
        yield from _directory(volume.nfs.path, (*path, "nfs", "path"))
    if volume.config_map:
        yield from _items(volume.config_map.items, (*path, "configMap", "items"))
    if volume.secret:
        yield from _items(volume.secret.items, (*path, "secret", "items"))
    if volume.downward_api:
        yield from _files(volume.downward_api.items, (*path, "downwardAPI", "items"))
    for index, part in enumerate(volume.projected.sources if volume.projected else ()):
        yield from _projection(part, (*path, "projected", "sources", index))


def _directory(text: str, path: Path) -> Iterator[Said]:
    if ".." in text.split("/"):
        yield Said(path, "expected a path without '..'", "write the path itself", rule="mount")
    yield from forms.path_text(text, path)


def _projection(part: VolumeProjection, path: Path) -> Iterator[Said]:
    if sum(one is not None for one in (part.config_map, part.secret, part.downward_api)) != 1:
        yield one_of(path, "configMap, secret, downwardAPI")
    if part.config_map:
        yield from _items(part.config_map.items, (*path, "configMap", "items"))
    if part.secret:
        yield from _items(part.secret.items, (*path, "secret", "items"))
    if part.downward_api:
        yield from _files(part.downward_api.items, (*path, "downwardAPI", "items"))


def _items(items: Sequence[KeyToPath], path: Path) -> Iterator[Said]:
    for index, item in enumerate(items):
        yield from _file(item.path, (*path, index, "path"))


def _files(items: Sequence[DownwardAPIVolumeFile], path: Path) -> Iterator[Said]:
    for index, item in enumerate(items):
        at = (*path, index)
        yield from _file(item.path, (*at, "path"))
        if (item.field_ref is None) == (item.resource_field_ref is None):
            yield one_of(at, "fieldRef, resourceFieldRef")
        if item.resource_field_ref:
            yield from resources.field(item.resource_field_ref, (*at, "resourceFieldRef"))
        if item.field_ref:
            yield from field_path(item.field_ref.field_path, _FILE_FIELDS, (*at, "fieldRef"))
        if item.resource_field_ref and not item.resource_field_ref.container_name:
            message = "is missing, expected a container's name"
            yield Said((*at, "resourceFieldRef", "containerName"), message, "add it", rule="required")


def _file(text: str, path: Path) -> Iterator[Said]:
    if not text:
        yield Said(path, "expected a relative path, found nothing", "write it as folder/file", rule="mount")
    else:
        yield from inside(text, path)
