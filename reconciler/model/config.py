"""Namespace, ConfigMap, Secret (core/v1)."""

from __future__ import annotations

from binascii import a2b_base64
from typing import Any, Literal

from reconciler.model.base import Model
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.names import ConfigKey


class Namespace(Model):
    api_version: Literal["v1"]
    kind: Literal["Namespace"]
    metadata: ObjectMeta
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, "", self.metadata.name)


class ConfigMap(Model):
    api_version: Literal["v1"]
    kind: Literal["ConfigMap"]
    metadata: ObjectMeta
    data: dict[ConfigKey, str] = {}
    binary_data: dict[ConfigKey, str] = {}
    immutable: bool = False

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)

    def contents(self) -> dict[str, bytes]:
        """Every key's bytes."""
        return {k: v.encode() for k, v in self.data.items()} | {
            k: a2b_base64(v) for k, v in self.binary_data.items()
        }


class Secret(Model):
    """Values never leave `contents()` but for a container's environment and files."""

    api_version: Literal["v1"]
    kind: Literal["Secret"]
    metadata: ObjectMeta
    type: str = "Opaque"
    data: dict[ConfigKey, str] = {}
    string_data: dict[ConfigKey, str] = {}
    immutable: bool = False

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)

    def contents(self) -> dict[str, bytes]:
        """Every key's bytes; `stringData` wins over `data`, as in Kubernetes."""
        return {k: a2b_base64(v) for k, v in self.data.items()} | {
            k: v.encode() for k, v in self.string_data.items()
        }

    def __repr__(self) -> str:
        """Never the values: a repr ends up in logs and assertion messages."""
        keys = sorted({*self.data, *self.string_data})
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, {keys=})"
