"""Rules about ConfigMaps and Secrets: base64, sizes, what a Secret's type promises. Never shows a value."""

from __future__ import annotations

import json
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping

from reconciler.manifests.said import Said
from reconciler.model.config import ConfigMap, Secret

MAX_BYTES = 1024 * 1024
"""Kubernetes: what a ConfigMap's or a Secret's values may hold together."""

TYPES: dict[str, tuple[str, ...]] = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
"""Secret type -> keys that it must have (Kubernetes: core validation ValidateSecret)."""


def check(item: ConfigMap | Secret) -> Iterator[Said]:
    encoded = item.data if isinstance(item, Secret) else item.binary_data
    field = "data" if isinstance(item, Secret) else "binaryData"
    sizes = 0
    broken = False
    for key, text in encoded.items():
        size = _decoded(text)
        if size is None:
            broken = True
            remedy = "encode it, or write it under stringData" if field == "data" else "encode it"
            yield Said((field, key), "isn't base64", remedy, rule="base64")
        sizes += size or 0
    if isinstance(item, ConfigMap):
        sizes += _text(item.data)
        for key in item.data.keys() & item.binary_data.keys():
            message = "stands in data and in binaryData"
            yield Said(("binaryData", key), message, "keep one of the two", rule="duplicate")
    else:
        sizes += _text(item.string_data)
        if not broken:
            yield from _promised(item)
    if sizes > MAX_BYTES:
        message = f"holds {sizes:,} bytes, expected at most {MAX_BYTES:,}"
        yield Said((field if encoded else "data",), message, "split it", rule="size")


def _decoded(text: str) -> int | None:
    """The number of bytes, None when it isn't base64. Line breaks are allowed, as Go's decoder does."""
    try:
        return len(a2b_base64("".join(text.split()), strict_mode=True)) if text.strip() else 0
    except (Error, ValueError):
        return None


def _text(values: Mapping[str, str]) -> int:
    return sum(len(value.encode(errors="surrogatepass")) for value in values.values())


def _promised(secret: Secret) -> Iterator[Said]:
    """What its type says is in it. Values are looked at and never shown."""
    contents = secret.contents()
    for key in TYPES.get(secret.type, ()):
        if key not in contents:
            message = f"a Secret of type {secret.type} has no key {key}"
            yield Said(("type",), message, f"add {key} to data or stringData", rule="secret-type")
    for key in (".dockerconfigjson", ".dockercfg"):
        if key in contents and secret.type.startswith("kubernetes.io/dockerc"):
            try:
                json.loads(contents[key])
            except ValueError:
                field = "stringData" if key in secret.string_data else "data"
                yield Said((field, key), "isn't JSON", "paste ~/.docker/config.json", rule="secret-type")
