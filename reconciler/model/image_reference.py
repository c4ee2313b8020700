"""What an image's name means: `web` is `docker.io/library/web:latest`.

Source of the rules: distribution/reference (its grammar, and ParseNormalizedNamed), which every engine and
registry goes by; opencontainers/go-digest for digests.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HUB = "docker.io"
_OLD_HUB = "index.docker.io"
_LONGEST_NAME = 255

_ID = re.compile(r"[0-9a-f]{64}")
_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][-a-zA-Z0-9]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_PART}(?:\.{_PART})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_FOLDER = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


class ImageReference(NamedTuple):
    """`str()` is the full name, the same for every spelling. A tag beside a digest says nothing more."""

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}" + (f"@{self.digest}" if self.digest else f":{self.tag}")


def parse(image: str) -> ImageReference:
    """Raises `ValueError` saying what is wrong, in words that follow the image's name."""
    if len(image) > 2 * _LONGEST_NAME + 300:
        raise ValueError(f"it has {len(image)} characters")
    if "://" in image:
        raise ValueError("an image has no scheme: leave out everything up to ://")
    if _ID.fullmatch(image):
        raise ValueError("64 hexadecimal digits are an ID, which no registry knows")
    name, at, digest = image.partition("@")
    if at:
        _check_digest(digest)
    registry, path = split_registry(name)
    path, colon, tag = path.partition(":")
    if registry != HUB and not _REGISTRY.fullmatch(registry):
        raise ValueError(f'"{registry}" is no registry: write its host name, and a port after a colon')
    if path != path.lower():
        raise ValueError("the name has to be in lower case")
    if not all(map(_FOLDER.fullmatch, path.split("/"))):
        raise ValueError(f'"{path}" is no name: write letters, digits and single . _ - between them')
    if len(path) > _LONGEST_NAME:
        raise ValueError(f"the name is longer than {_LONGEST_NAME} characters")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f'"{tag}" is no tag: write up to 128 letters, digits, and . _ - after the first')
    return ImageReference(registry, path, tag or ("" if at else "latest"), digest)


def split_registry(name: str) -> tuple[str, str]:
    """The registry, and what stands behind it. A first part is one when it can't be a folder's name."""
    first, slash, rest = name.partition("/")
    if not slash or not (set(".:") & set(first) or first == "localhost" or first != first.lower()):
        first, rest = HUB, name
    first = HUB if first == _OLD_HUB else first
    return first, f"library/{rest}" if first == HUB and "/" not in rest else rest


def _check_digest(digest: str) -> None:
    algorithm, colon, digits = digest.partition(":")
    length = _DIGITS.get(algorithm)
    if length is None or not colon:
        raise ValueError(f'"{digest}" is no digest: write it as sha256: and 64 hexadecimal digits')
    if not re.fullmatch("[0-9a-f]+", digits) or len(digits) != length:
        raise ValueError(f"the digest has {len(digits)} characters, expected {length} hexadecimal digits")
