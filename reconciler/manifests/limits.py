"""How much of anything is read: hostile input costs bounded time and memory.

Each limit is far above what real manifests need (Kubernetes itself refuses objects over 1.5 MB)
and is named in the error that it causes.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

MAX_FILE_BYTES = 5_000_000
"""One file. A ConfigMap may hold 1 MiB, so this is room for several in one file."""

MAX_DEPTH = 64
"""Nesting of mappings and lists. A pod template's deepest field is at about 20."""

MAX_VALUES = 400_000
"""Scalars, mappings and lists of one file once its aliases are expanded."""

MAX_FILES = 50_000
"""Files of one tree."""

MAX_TOTAL_BYTES = 64_000_000
"""All files of one tree together."""

RENDER_SECONDS = 60.0
"""How long kustomize may take for all folders of one tree together."""

MAX_RENDERED_BYTES = 20_000_000
"""What kustomize may print for one directory."""

MAX_KUSTOMIZATIONS = 2_000
"""Folders of one tree that kustomize renders, and those that they refer to."""

RENDER_MEMORY = 1 << 30
"""Bytes of memory for one run of kustomize, where the system can hold a program to that (Linux)."""

MAX_SCRATCH_BYTES = 1 << 28
"""The largest file that one run of kustomize may write: where remote bases are allowed, what Git brings."""


class Place(NamedTuple):
    """Where something stands in a file; `line` and `column` count from 1, 0 when there is none."""

    file: Path
    line: int = 0
    column: int = 0
