"""Imports paramiko without `invoke`, which is two fifths of its import time.

paramiko uses invoke only for `Match exec` in a user's SSH configuration; where that is written, it is
imported whole. Must run before anything else imports paramiko; afterwards it does nothing.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from reconciler.bounded import read_file

_MATCH_EXEC = re.compile(r"^\s*match\b.*\bexec\b", re.I | re.M)


def import_paramiko(config: Path | None = None) -> None:
    """`config` is the user's SSH configuration, `~/.ssh/config` by default."""
    if "paramiko" in sys.modules or "invoke" in sys.modules or _needs_invoke(config):
        return
    sys.modules["invoke"] = None  # type: ignore[assignment]  # Python's own mark for "can't be imported"
    try:
        import paramiko  # noqa: F401  # the point is that it is imported now
    finally:
        sys.modules.pop("invoke", None)


def _needs_invoke(config: Path | None) -> bool:
    try:
        text = read_file(config or Path.home() / ".ssh" / "config").decode(errors="replace")
    except OSError:
        return False
    return bool(_MATCH_EXEC.search(text))
