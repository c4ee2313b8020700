"""Running another program. It must be quick and its failure must say which program said what."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from reconciler.errors import LabError


def run(argv: Sequence[str], *, text: str = "", timeout: float = 30.0) -> str:
    """The standard output of `argv`, which reads `text`. Raises LabError with what it wrote on failure."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise LabError(f"there is no program {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(argv)}` did not end within {timeout:g} s") from error
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def succeeds(argv: Sequence[str]) -> bool:
    """Whether `argv` exits 0: for questions, and for removing what may be gone already."""
    done = subprocess.run(argv, capture_output=True, timeout=30.0, check=False)
    return done.returncode == 0
