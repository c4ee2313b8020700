"""Makes bare repositories and sets their configuration."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.errors import SourceError
from reconciler.source.explain import last_line
from reconciler.source.process import Git, GitFailed

TIMEOUT_S = 20.0


def make_bare(git: Git, *, branch: str = "main") -> None:
    """An empty bare repository whose HEAD is `branch`; without the sample hooks of git's templates."""
    try:
        git.git_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        git.run("init", "--bare", "--quiet", "--template=", f"--initial-branch={branch}", timeout=TIMEOUT_S)
    except (GitFailed, OSError) as error:
        found = last_line(error.stderr) if isinstance(error, GitFailed) else str(error)
        raise SourceError(
            f"the repository can't be made: {found}",
            where=str(git.git_dir),
            remedy="make its folder writable, or make room on the disk",
        ) from error


def configure(git: Git, wanted: Mapping[str, str]) -> None:
    """Set options of the repository's own configuration; writes only what differs. Raises `GitFailed`."""
    listing = git.run("config", "--local", "--null", "--list", timeout=TIMEOUT_S).decode(errors="replace")
    have = dict(line.partition("\n")[::2] for line in listing.split("\0"))
    for key, value in wanted.items():
        if have.get(key.lower()) != value:
            git.run("config", "--local", "--replace-all", key, value, timeout=TIMEOUT_S)
