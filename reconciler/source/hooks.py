"""The Git hooks of a repository that we host: two lines of shell that call this very Python."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from reconciler.errors import SourceError

FLEET_FILE = "reconciler-fleet.json"
"""In the repository: the inventory, for the hooks. It has no secrets."""
SOCKET = "reconciler.sock"
"""In the repository: where the daemon listens for the hooks."""
PUSHED = "reconciler-push-"
"""In the repository: how the folders begin in which a push's files are looked at."""
HOOKS = ("pre-receive", "post-receive")
_MARK = "# written by reconciler; written anew at each start of `reconciler serve`"


def install(repository: Path) -> None:
    """Write what differs. Raises `SourceError` for somebody else's hook: it isn't overwritten."""
    folder = repository / "hooks"
    folder.mkdir(exist_ok=True)
    for name in HOOKS:
        _write(folder / name, script(name))


def script(name: str) -> str:
    """Works in sshd's bare environment: everything in it is absolute."""
    python = shlex.quote(sys.executable)
    path = os.environ.get("PYTHONPATH", "")
    setting = f"PYTHONPATH={shlex.quote(path)} " if path else ""
    command = f"exec {python} -P -m reconciler.cli hook {name}"
    return f"#!/bin/sh\n{_MARK}\n{setting and 'export ' + setting.strip() + chr(10)}{command}\n"


def _write(hook: Path, text: str) -> None:
    before = hook.read_text("utf-8", "replace") if hook.is_file() else None
    if before is not None and _MARK not in before:
        raise SourceError(
            "there is a hook already that the reconciler didn't write",
            where=str(hook),
            remedy="move it away, or let spec.source.hosted.path name a repository of its own",
        )
    if before != text or not os.access(hook, os.X_OK):
        new = hook.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.chmod(0o755)
        new.replace(hook)
