"""A bare copy of one branch of a remote repository, in a cache that may be lost at any time."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.printable import printable
from reconciler.source.explain import NO_REF, NO_SHALLOW, REMOTE, explain, redacted
from reconciler.source.process import Git, GitFailed, environment
from reconciler.source.repository import make_bare

FIRST_TIMEOUT_S = 300.0
TIMEOUT_S = 60.0
PROBE_TIMEOUT_S = 15.0
MAX_PACKS = 40
"""More packs than this, one comes with each fetch, and the mirror is packed anew."""
_URL = re.compile(r"[^-\s\0][^\n\0]*")
_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
_BRANCH = re.compile(r"(?![-/.])(?!.*(\.\.|//|@\{|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")


class Mirror:
    """`git_dir` is made when first needed and made anew when it is damaged. Not for several threads."""

    def __init__(
        self,
        git_dir: Path,
        url: str,
        *,
        identity_file: str = "",
        first_timeout: float = FIRST_TIMEOUT_S,
        timeout: float = TIMEOUT_S,
    ) -> None:
        check_url(url)
        self.url, self._env = url, environment(identity_file)
        self._first_timeout, self._timeout = first_timeout, timeout
        self.git = Git(git_dir, self._env)

    def fetch(self, branch: str) -> str:
        """Bring the branch's newest commit; returns the name of its ref here. Raises `SourceError`."""
        check_branch(branch)
        ref = f"refs/heads/{branch}"
        self._fetch(f"+{ref}:{ref}", branch)
        self._pack()
        return ref

    def fetch_commit(self, commit: str, timeout: float = PROBE_TIMEOUT_S) -> None:
        """Bring one commit, whatever branch it is on; servers may refuse that. Raises `GitFailed`."""
        self._make_if_missing(self.git)
        self._shallow(self.git, f"+{commit}:refs/reconciler/{commit}", timeout)

    def rebuild(self, branch: str) -> None:
        """A fresh copy takes the old one's place, once it is there. Raises `SourceError`."""
        new = Git(self.git.git_dir.with_suffix(".new"), self._env)
        shutil.rmtree(new.git_dir, ignore_errors=True)
        try:
            self._make_if_missing(new)
            ref = f"refs/heads/{branch}"
            self._shallow(new, f"+{ref}:{ref}", self._first_timeout)
            _remove(self.git.git_dir)
            new.git_dir.rename(self.git.git_dir)
        except GitFailed as failure:
            raise self._explained(failure, branch) from failure
        finally:
            shutil.rmtree(new.git_dir, ignore_errors=True)

    def _fetch(self, refspec: str, branch: str) -> None:
        known = (self.git.git_dir / "HEAD").is_file()
        try:
            self._make_if_missing(self.git)
            self._shallow(self.git, refspec, self._timeout if known else self._first_timeout)
        except GitFailed as failure:
            if known and perhaps_damaged(failure, self.git.git_dir):
                self.rebuild(branch)
            else:
                raise self._explained(failure, branch) from failure

    def _shallow(self, git: Git, refspec: str, timeout: float) -> None:
        """Only the newest commit's files; a server that knows no such thing (plain files) sends all."""
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        try:
            git.run("fetch", *options, "--depth=1", "--", self.url, refspec, timeout=timeout)
        except GitFailed as failure:
            if not NO_SHALLOW.search(failure.stderr):
                raise
            git.run("fetch", *options, "--", self.url, refspec, timeout=timeout)

    def _make_if_missing(self, git: Git) -> None:
        if not (git.git_dir / "HEAD").is_file():
            _remove(git.git_dir)
            make_bare(git)

    def _pack(self) -> None:
        """Best effort: a mirror with many packs is slow, not wrong."""
        packs = self.git.git_dir / "objects" / "pack"
        if packs.is_dir() and sum(1 for p in packs.iterdir() if p.suffix == ".pack") > MAX_PACKS:
            with suppress(GitFailed):
                self.git.run("gc", "--quiet", timeout=self._first_timeout)

    def _explained(self, failure: GitFailed, branch: str) -> SourceError:
        if NO_REF.search(failure.stderr):
            return self._no_branch(branch)
        return explain(self.url, failure)

    def _no_branch(self, branch: str) -> SourceError:
        """Deleted, misspelt, or nothing was ever pushed."""
        where = redacted(self.url)
        try:
            listing = self.git.run("ls-remote", "--refs", "--", self.url, timeout=PROBE_TIMEOUT_S)
        except GitFailed as failure:
            return explain(self.url, failure)
        refs = [printable(line.partition("\t")[2]) for line in listing.decode(errors="replace").splitlines()]
        heads = sorted(ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/"))
        if refs and not heads:
            return SourceError(
                f'the branch "{branch}" isn\'t there, nor is any other; there are {", ".join(refs[:8])}',
                where=where,
                remedy="push the branch again, or correct spec.source.git.branch in nodes.yaml",
            )
        if not heads:
            return SourceError(
                "the repository has no commits yet",
                where=where,
                remedy=f"push one: git push {where} HEAD:{branch}",
            )
        return SourceError(
            f'the branch "{branch}" isn\'t there; there are {", ".join(heads[:8])}',
            where=where,
            remedy="correct spec.source.git.branch in nodes.yaml, or push the branch again",
        )


def _remove(place: Path) -> None:
    """A folder, or whatever else stands there."""
    shutil.rmtree(place, ignore_errors=True)
    if not place.is_dir():
        place.unlink(missing_ok=True)


def check_url(url: str) -> None:
    """Raises `SourceError` for a URL that git would take for an option or a command."""
    if not _URL.fullmatch(url) or _HELPER.match(url):
        raise SourceError(
            f"\"{redacted(url)[:200]}\" can't be a repository's URL",
            remedy="use https://, ssh://, user@host:path, git://, or a path",
        )


def check_branch(branch: str) -> None:
    """Git's own rules for names (git-check-ref-format), so that it can't be read as a refspec."""
    if not _BRANCH.fullmatch(branch):
        raise SourceError(
            f"\"{branch[:200]}\" can't be a branch's name", remedy="write its short name, such as main"
        )


def perhaps_damaged(failure: GitFailed, git_dir: Path) -> bool:
    """Anything that the remote side can't be blamed for; trying a fresh copy costs only time."""
    text = failure.stderr
    if failure.timed_out is not None or NO_REF.search(text):
        return False
    return str(git_dir) in text or not REMOTE.search(text)
