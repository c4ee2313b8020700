"""Volumes and their sources (core/v1 Volume). One source a volume."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from reconciler.model.base import Model
from reconciler.model.container import ObjectFieldSelector, ResourceFieldSelector
from reconciler.model.names import AbsolutePath, ConfigKey, DNSLabel, DNSSubdomain
from reconciler.model.quantity import Quantity

Mode = Annotated[int, Meta(ge=0, le=0o777)]


class KeyToPath(Model):
    key: ConfigKey
    path: str
    mode: Mode | None = None


class EmptyDirVolumeSource(Model):
    medium: Literal["", "Memory"] = ""
    size_limit: Quantity | None = None


class HostPathVolumeSource(Model):
    path: AbsolutePath
    type: Literal[
        "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
    ] = ""


class NFSVolumeSource(Model):
    server: Annotated[str, Meta(min_length=1)]
    path: AbsolutePath
    read_only: bool = False


class ConfigMapVolumeSource(Model):
    name: DNSSubdomain
    items: tuple[KeyToPath, ...] = ()
    default_mode: Mode = 0o644
    optional: bool = False


class SecretVolumeSource(Model):
    secret_name: DNSSubdomain
    items: tuple[KeyToPath, ...] = ()
    default_mode: Mode = 0o644
    optional: bool = False


class DownwardAPIVolumeFile(Model):
    path: str
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: Mode | None = None


class DownwardAPIVolumeSource(Model):
    items: tuple[DownwardAPIVolumeFile, ...] = ()
    default_mode: Mode = 0o644


class ConfigMapProjection(Model):
    name: DNSSubdomain
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class SecretProjection(Model):
    name: DNSSubdomain
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class DownwardAPIProjection(Model):
    items: tuple[DownwardAPIVolumeFile, ...] = ()


class VolumeProjection(Model):
    config_map: ConfigMapProjection | None = None
    secret: SecretProjection | None = None
    downward_api: DownwardAPIProjection | None = field(default=None, name="downwardAPI")


class ProjectedVolumeSource(Model):
    sources: tuple[VolumeProjection, ...] = ()
    default_mode: Mode = 0o644


class Volume(Model):
    name: DNSLabel
    empty_dir: EmptyDirVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = field(default=None, name="downwardAPI")
