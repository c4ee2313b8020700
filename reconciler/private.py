"""Whether what holds secrets is ours alone: files that people made, folders that we made."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
"""What group and others may."""


def shown_to_others(file: Path) -> str:
    """Its mode, such as 0644, when it is ours and others may read or write it; else empty. Raises `OSError`.

    OpenSSH's rule for private keys (authfile.c: sshkey_perm_ok): what another user owns is that user's.
    """
    facts = file.stat()
    mode = stat.S_IMODE(facts.st_mode)
    return f"{mode:04o}" if facts.st_uid == os.getuid() and mode & OTHERS else ""


def keep_private(folder: Path, others: int = OTHERS) -> str:
    """Make the folder if it isn't there, and take away what others may (the bits of `others`). The mode that
    it had, such as 0755, when that was more; else empty. What can't be changed stays as it is.
    """
    with suppress(OSError):
        folder.mkdir(mode=0o777 & ~others, parents=True, exist_ok=True)
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & others:
            folder.chmod(mode & ~others)
            return f"{mode:04o}"
    return ""
