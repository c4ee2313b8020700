"""The files of configMap, secret, projected and downwardAPI volumes, and how they travel: a tar. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator

from reconciler.engine.pods.downward import Place, field_value, resource_value
from reconciler.engine.pods.unfit import Unfit
from reconciler.model.base import Value
from reconciler.model.desired import Contents
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord
from reconciler.model.volume import DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection

GROUP_READ = 0o440
DIRECTORY_MODE = 0o755
SETGID = 0o2000


class File(Value):
    """One file of a volume. `path` is relative to the volume; `mode` holds permission bits only."""

    path: str
    data: bytes
    mode: int

    def __repr__(self) -> str:
        """Never the data: it may be a Secret's."""
        return f"File({self.path}, {len(self.data)} bytes, {self.mode:o})"


def volume_files(
    volume: Volume, record: PodRecord, contents: Contents, place: Place
) -> tuple[File, ...] | None:
    """Sorted by path; None for a volume of another type. Raises `Unfit` naming what is missing."""
    files: Iterable[File]
    if source := volume.config_map:
        key = Key("ConfigMap", record.namespace, source.name)
        files = _of_object(key, source.items, source.default_mode, source.optional, contents)
    elif secret := volume.secret:
        key = Key("Secret", record.namespace, secret.secret_name)
        files = _of_object(key, secret.items, secret.default_mode, secret.optional, contents)
    elif downward := volume.downward_api:
        files = _downward(downward.items, downward.default_mode, record, place)
    elif projected := volume.projected:
        files = [
            f
            for s in projected.sources
            for f in _projected(s, projected.default_mode, record, contents, place)
        ]
    else:
        return None
    last_wins = {f.path: f for f in files}
    return tuple(last_wins[path] for path in sorted(last_wins))


def _projected(
    source: VolumeProjection, mode: int, record: PodRecord, contents: Contents, place: Place
) -> Iterator[File]:
    if part := source.config_map:
        yield from _of_object(
            Key("ConfigMap", record.namespace, part.name), part.items, mode, part.optional, contents
        )
    if secret := source.secret:
        yield from _of_object(
            Key("Secret", record.namespace, secret.name), secret.items, mode, secret.optional, contents
        )
    if downward := source.downward_api:
        yield from _downward(downward.items, mode, record, place)


def _of_object(
    key: Key, items: tuple[KeyToPath, ...], mode: int, optional: bool, contents: Contents
) -> Iterator[File]:
    if key not in contents:
        if not optional:
            raise Unfit(f'{key.kind} "{key.name}" not found')
        return
    data = contents[key].contents()
    if not items:
        yield from (File(path=name, data=value, mode=mode) for name, value in data.items())
        return
    for item in items:
        if item.key in data:
            yield File(
                path=_inside(item.path), data=data[item.key], mode=mode if item.mode is None else item.mode
            )
        elif not optional:
            raise Unfit(
                f'{key.kind} "{key.name}" has no key "{item.key}"; it has {", ".join(sorted(data)) or "none"}'
            )


def _downward(
    items: tuple[DownwardAPIVolumeFile, ...], mode: int, record: PodRecord, place: Place
) -> Iterator[File]:
    for item in items:
        if item.field_ref is not None:
            text = field_value(item.field_ref.field_path, record, place)
        elif item.resource_field_ref is not None:
            text = resource_value(item.resource_field_ref, record.spec.containers[0], record, place.facts)
        else:
            raise Unfit(f'downwardAPI file "{item.path}" names neither fieldRef nor resourceFieldRef')
        yield File(path=_inside(item.path), data=text.encode(), mode=mode if item.mode is None else item.mode)


def _inside(path: str) -> str:
    """Kubernetes: a path in a volume is relative and never climbs out of it."""
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts:
        raise Unfit(f'path "{path}" must be relative and without ".."')
    return "/".join(p for p in parts if p not in ("", "."))


def tarball(
    directories: Iterable[tuple[str, int, int]], files: Iterable[tuple[str, File, int]], now: float
) -> bytes:
    """A tar of (path, mode, group) directories, then (path, file, group) files; everything is root's.

    Parents that aren't listed are made too. Paths are relative to where the tar is unpacked.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        made: set[str] = set()
        for path, mode, group in directories:
            made.add(path)
            tar.addfile(_entry(path, tarfile.DIRTYPE, mode, group, 0, now))
        for path, file, group in files:
            for parent in _parents(path):
                if parent not in made:
                    made.add(parent)
                    tar.addfile(_entry(parent, tarfile.DIRTYPE, DIRECTORY_MODE, group, 0, now))
            tar.addfile(
                _entry(path, tarfile.REGTYPE, file.mode, group, len(file.data), now), io.BytesIO(file.data)
            )
    return buffer.getvalue()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _entry(path: str, kind: bytes, mode: int, group: int, size: int, now: float) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.gid, entry.size, entry.mtime = kind, mode, group, size, int(now)
    return entry
