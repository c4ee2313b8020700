"""Which source is meant: by nodes.yaml, or by an argument on the command line. Opening reads nothing yet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.fleet import Fleet, GitSource
from reconciler.source import Source

if TYPE_CHECKING:
    from reconciler.source.reverting import Reverter

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\s:]+@[^/\s:]+:|[A-Za-z0-9.-]+:[^/\s]*[^:\s]")


def open_source(fleet: Fleet, cache_dir: Path) -> Source:
    """The one that nodes.yaml names. Raises `SourceError` when it names none, or several."""
    spec = fleet.spec.source
    given = [s for s in (spec.git, spec.directory, spec.hosted) if s is not None]
    if len(given) != 1:
        found = "none" if not given else "several"
        raise SourceError(
            f"expected one of git, directory, hosted; found {found}",
            where="nodes.yaml spec.source",
            remedy="name one, or name a source on the command line",
        )
    if spec.git is not None:
        return _git(spec.git, cache_dir)
    if spec.hosted is not None:
        from reconciler.source.hosted import HostedRepository

        return HostedRepository(fleet, spec.hosted, cache_dir)
    from reconciler.source.directory import Directory

    assert spec.directory is not None
    return Directory(Path(spec.directory.path).expanduser(), cache_dir)


def open_reverter(fleet: Fleet, cache_dir: Path, pushed: Callable[[], None] = lambda: None) -> Reverter:
    """Takes commits back where the source's come from; `pushed` is called after each push.

    A hosted repository is pushed to like any other, so its hooks judge the commit; they needn't show the
    rollout. Raises `SourceError` for a directory.
    """
    from reconciler.source.pushing import Place
    from reconciler.source.reverting import Reverter

    spec, name = fleet.spec.source, fleet.metadata.name
    if spec.git is not None:
        git = spec.git
        place = Place(url=git.url, branch=git.branch, subfolder=git.path, identity_file=git.identity_file)
    elif spec.hosted is not None:
        path = Path(spec.hosted.path).expanduser().resolve()
        hosted = spec.hosted
        place = Place(url=str(path), branch=hosted.branch, subfolder=hosted.folder, options=("detach",))
    else:
        raise SourceError(
            "a directory has no commits that could be taken back",
            where="nodes.yaml spec.onAbort",
            remedy="let spec.source name a git or hosted repository, or leave onAbort out",
        )
    return Reverter(place, name, cache_dir / "reverts", pushed)


def open_path(arg: str, cache_dir: Path, *, branch: str | None = None) -> Source:
    """An argument: a URL, a bare repository, or a directory.

    A directory inside of a work tree is only a directory: what lies there counts, committed or not. A
    path that ends in `.git` is the repository. Raises `SourceError` when it is nothing of that.
    """
    path = Path(arg).expanduser()
    if path.is_dir() and not _is_repository(path):
        if branch is not None:
            raise SourceError(
                "a directory has no branches",
                where=arg,
                remedy=f"leave --branch away, or name the repository: {arg.rstrip('/')}/.git",
            )
        from reconciler.source.directory import Directory

        return Directory(path, cache_dir)
    if path.is_dir():
        return _git(GitSource(url=str(path.resolve()), branch=branch or _head(path)), cache_dir)
    if _URL.match(arg) and not path.exists():
        return _git(GitSource(url=arg, branch=branch or "main"), cache_dir)
    found = "a file" if path.exists() else "nothing"
    raise SourceError(
        f"expected a directory or a repository, found {found}",
        where=arg,
        remedy="name a folder with manifests, a bare repository, or a URL",
    )


def _git(spec: GitSource, cache_dir: Path) -> Source:
    from reconciler.source.git import RemoteRepository

    return RemoteRepository(spec, cache_dir)


def _is_repository(path: Path) -> bool:
    """A Git directory, by its name or by what is in it."""
    looks = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
    return looks or (path.name.endswith(".git") and (path / "HEAD").is_file())


def _head(repository: Path) -> str:
    """The branch that HEAD names."""
    try:
        text = (repository / "HEAD").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "main"
    return text.partition("ref: refs/heads/")[2] or "main"
