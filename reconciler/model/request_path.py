"""What a request's path means, however it is spelled: `/%73hop`, `//shop` and `/x/../shop` are `/shop`.

Sources: nginx's parser of a request's URI, by whose result ingress-nginx chooses (percent encoding is undone
once, slashes are merged, dot segments taken out); RFC 3986, 6.2.2. Parameters (`/shop;v=1`) take no part:
some servers leave them out. `engine.rendering.paths` is the same for HAProxy, for what clients ask.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_STAYS = re.compile(rb"[\x00-\x20#%?\x7f]")
"""Bytes that aren't a path's own text: they mean something else once they are decoded."""


def canonical(path: str) -> str:
    """One spelling for all of one meaning; always absolute, without blanks."""
    decoded = _ENCODED.sub(_decoded, re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path))
    plain = re.sub(r"[\x00-\x20#?\x7f]", lambda found: quote(found[0]), decoded)
    segments: list[str] = []
    *folders, last = [part.partition(";")[0] for part in plain.lstrip("/").split("/")]
    for part in folders:
        _enter(segments, part)
    if last in (".", ".."):
        _enter(segments, last)
        last = ""
    return "".join(f"/{part}" for part in segments) + f"/{last}"


def _enter(segments: list[str], part: str) -> None:
    if part == "..":
        del segments[-1:]
    elif part not in ("", "."):
        segments.append(part)


def _decoded(found: re.Match[str]) -> str:
    """As far as it is text: other bytes stay as they are written."""
    kept = _STAYS.sub(lambda byte: b"%%%02X" % byte[0][0], unquote_to_bytes(found[0]))
    try:
        return kept.decode()
    except UnicodeDecodeError:
        return found[0]
