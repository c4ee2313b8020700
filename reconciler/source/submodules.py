"""The files of submodules: each from a mirror of its own, at the commit that the outer tree names."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.source.checkout import Nested, write_tree
from reconciler.source.explain import explain, redacted
from reconciler.source.limits import MAX_MODULES_BYTES, Tally, too_large
from reconciler.source.mirror import Mirror, check_url
from reconciler.source.objects import Entry, Objects
from reconciler.source.process import Git, GitFailed, environment

MAX_DEPTH = 5
FETCH_TIMEOUT_S = 60.0
LIST_TIMEOUT_S = 10.0
FILE = "file"
SAFE = frozenset({"https", "ssh"})


class Submodules:
    """`url` is the outer repository's, for relative URLs; empty when it has none (we host it)."""

    def __init__(self, cache: Path, url: str = "", identity_file: str = "", depth: int = 0) -> None:
        self._cache, self._url, self._identity_file, self._depth = cache, url, identity_file, depth

    def opened(self, tree: Path, tally: Tally) -> Nested:
        """For the files that are written to `tree`: reads its .gitmodules when the first one is needed."""
        urls: dict[str, str] = {}

        def nested(entry: Entry, into: Path) -> None:
            if not urls:
                urls.update(self._urls(tree / ".gitmodules"))
            if entry.path not in urls:
                raise SourceError(
                    f"{entry.path} is a submodule, but .gitmodules doesn't say where it comes from",
                    remedy="git submodule add URL PATH, or git rm --cached PATH, and commit",
                )
            tally.submodule()
            self._write(entry, urls[entry.path], into, tally)

        return nested

    def _write(self, entry: Entry, url: str, into: Path, tally: Tally) -> None:
        if self._depth >= MAX_DEPTH:
            raise SourceError(f"submodules are nested more than {MAX_DEPTH} deep", where=entry.path)
        try:
            absolute = resolve(url, self._url)
            check_url(absolute)
            check_protocol(absolute, self._url, self._file_allowed)
            mirror = self._mirror(absolute)
            inner = Submodules(self._cache, absolute, self._identity_file, self._depth + 1)
            with Objects(self._having(mirror, entry.id)) as objects:
                write_tree(objects, objects.tree(entry.id, tally), into, inner.opened(into, tally))
        except GitFailed as failure:
            error = explain(absolute, failure)
            message = f"the submodule {entry.path} at {entry.id[:7]} can't be brought: {error.message}"
            raise SourceError(message, where=error.where, remedy=error.remedy) from failure
        except SourceError as error:
            where = f"submodule {entry.path}" + (f", {error.where}" if error.where else "")
            raise SourceError(error.message, where=where, remedy=error.remedy) from error

    def _mirror(self, url: str) -> Mirror:
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        mirror = Mirror(self._cache / f"{name}.git", url, identity_file=self._identity_file)
        mirror.git.env["GIT_ALLOW_PROTOCOL"] = protocol(url)  # also where a server redirects to
        return mirror

    def _file_allowed(self) -> bool:
        try:
            git = Git(self._cache, environment())
            told = git.run("config", "--get", "protocol.file.allow", timeout=LIST_TIMEOUT_S)
        except GitFailed:
            return False
        return told.strip() == b"always"

    def _having(self, mirror: Mirror, commit: str) -> Git:
        """The mirror's git, once it has the commit."""
        if (mirror.git.git_dir / "HEAD").is_file():
            with Objects(mirror.git) as objects:
                if objects.commit(commit) is not None:
                    return mirror.git
        mirror.fetch_commit(commit, FETCH_TIMEOUT_S)
        return mirror.git

    def _urls(self, modules: Path) -> dict[str, str]:
        """path -> url of a .gitmodules file. It is read as configuration: git never runs what it names."""
        if not modules.is_file() or modules.is_symlink():
            return {}
        if (size := modules.stat().st_size) > MAX_MODULES_BYTES:
            raise too_large(f".gitmodules has {size:,} bytes, and {MAX_MODULES_BYTES:,} are the most")
        # Not with the tree for a repository: what was pushed there would be Git's settings.
        git = Git(self._cache, environment())
        try:
            listing = git.run("config", "--null", "--file", str(modules), "--list", timeout=LIST_TIMEOUT_S)
        except GitFailed as failure:
            raise SourceError(
                "can't be read as a git configuration", where=".gitmodules", remedy=str(failure)
            ) from failure
        found: dict[str, dict[str, str]] = {}
        for line in listing.decode(errors="replace").split("\0"):
            key, _, value = line.partition("\n")
            section, _, option = key.rpartition(".")
            found.setdefault(section, {})[option] = value
        return {v["path"]: v["url"] for v in found.values() if "path" in v and "url" in v}


def resolve(url: str, outer: str) -> str:
    """A submodule's URL; `./x` and `../x` are relative to the outer repository's (gitmodules(5))."""
    if url.startswith(("./", "../")):
        if not outer:
            raise SourceError(
                f'the URL "{url}" is relative, and a repository that is pushed here has none',
                remedy="write a whole URL into .gitmodules",
            )
        return _joined(outer, url)
    return url


def check_protocol(url: str, outer: str, file_allowed: Callable[[], bool]) -> None:
    """Raises `SourceError`. `outer` is the URL of the repository that names it, empty if we host that.

    Who writes .gitmodules isn't who runs us: https and ssh, and what the outer repository itself comes by. Of
    this machine's disk only what its user's own configuration permits, as Git has it (git-config(1),
    protocol.allow; CVE-2022-39253); in a repository that we host, nothing.
    """
    came_by, wanted = protocol(outer) if outer else "", protocol(url)
    if wanted in SAFE or (wanted == came_by and wanted != FILE):
        return
    if wanted != FILE:
        raise SourceError(
            f'the URL "{redacted(url)}" goes by {wanted}, and a submodule may by https and ssh',
            remedy="write an https:// or ssh:// URL into .gitmodules",
        )
    if came_by != FILE or not file_allowed():
        raise SourceError(
            f'the URL "{redacted(url)}" is a path on this machine',
            remedy="use a URL that others can reach: https:// or ssh://",
        )


def protocol(url: str) -> str:
    """As git names it: `user@host:path` is ssh, since its colon precedes a slash; a path is a file."""
    scheme, mark, _ = url.partition("://")
    if mark:
        return scheme.lower()
    return "ssh" if ":" in url.split("/", 1)[0] else FILE


def is_local(url: str) -> bool:
    """Whether git reads it from this machine's disk."""
    return protocol(url) == FILE


def _joined(outer: str, relative: str) -> str:
    scheme, mark, rest = outer.rpartition("://")
    separator = "" if mark or is_local(outer) else ":"
    host, path = rest.split(":", 1) if separator else ("", rest)
    joined = posixpath.normpath(posixpath.join(path.rstrip("/"), relative))
    if joined.startswith(".."):
        raise SourceError(f'the URL "{relative}" leads above {redacted(outer)}')
    return f"{scheme}{mark}{host}{separator}{joined}"
