"""A repository with a work tree in which commits are taken back, to be thrown away afterwards.

Its objects are another one's. Git runs without anybody's configuration in it: a filter, a merge driver or a
signature is a program, and the repository's files may name it.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

from reconciler.errors import RevertError
from reconciler.model.reversal import Reversal
from reconciler.printable import printable
from reconciler.source.commits import Commits
from reconciler.source.exports import Exports
from reconciler.source.objects import Objects
from reconciler.source.process import Git, GitFailed
from reconciler.source.pushing import Place
from reconciler.source.snapshot import Snapshot
from reconciler.source.submodules import Submodules

TIMEOUT_S = 60.0
CONFLICT = "could not revert"
AS_THEY_ARE = "* -text -ident -filter !eol !working-tree-encoding\n"
"""Attributes that win over a repository's own: files that `text` would change as they are checked out or put
back count as changed by somebody, and git takes nothing back then.
"""


class Scratch:
    """In the empty folder `home`; `lender` has the history. `name` is the author's fleet."""

    def __init__(self, home: Path, lender: Git, place: Place, name: str) -> None:
        tree = home / "tree"
        tree.mkdir()
        self.git = Git(home / "git", lender.env)
        self._git = Git(home / "git", _plain(lender.env, name) | {"GIT_WORK_TREE": str(tree)})
        self._run("init", "--quiet", "--template=")
        (home / "git" / "objects" / "info").mkdir(parents=True, exist_ok=True)
        alternates = home / "git" / "objects" / "info" / "alternates"
        alternates.write_text(f"{lender.git_dir / 'objects'}\n", "utf-8")
        (home / "git" / "info").mkdir(exist_ok=True)
        (home / "git" / "info" / "attributes").write_text(AS_THEY_ARE, "utf-8")
        modules = Submodules(home / "modules", place.url, place.identity_file)
        exports = Exports(home / "exports", min_age=0.0)
        self._subfolder = posixpath.normpath(place.subfolder or ".")
        self._commits = Commits(self._git, exports, self._subfolder, modules)
        self.head = ""

    def close(self) -> None:
        self.git.close()
        self._git.close()

    def history(self, head: str, most: int) -> list[str]:
        """Along the first parents, newest first."""
        return self._run("rev-list", "--first-parent", f"--max-count={most}", head).split()

    def first_with(self, line: str, head: str) -> str | None:
        """The newest commit with this in its message."""
        found = self._run(
            "rev-list", "--first-parent", "--max-count=1", "--fixed-strings", f"--grep={line}", head
        )
        return found.strip() or None

    def snapshot(self, commit: str) -> Snapshot | None:
        """None when the folder with the manifests isn't there. Raises `SourceError`."""
        if self._subfolder != ".":
            try:
                self._run("rev-parse", "--verify", "--quiet", f"{commit}:{self._subfolder}")
            except GitFailed:
                return None
        return self._commits.snapshot(commit)

    def check_out(self, commit: str) -> None:
        self._run("update-ref", "--no-deref", "HEAD", commit)
        self._run("reset", "--quiet", "--hard", commit)
        self.head = commit

    def take_back(self, commit: str, reversal: Reversal) -> None:
        """One more commit on top. Raises `RevertError` for a conflict."""
        parents = self._run("rev-list", "--parents", "--max-count=1", commit).split()[1:]
        mainline = ["--mainline=1"] if len(parents) > 1 else []
        try:
            self._run("revert", "--no-commit", *mainline, commit)
        except GitFailed as failure:
            if CONFLICT in failure.stderr:
                raise self._conflict(commit) from failure
            raise
        tree = self._run("write-tree").strip()
        if tree != self._run("rev-parse", f"{self.head}^{{tree}}").strip():
            message = reversal.message(commit, self._subject(commit)).encode()
            made = self._run("commit-tree", tree, "-p", self.head, "-F", "-", stdin=message).strip()
            self.check_out(made)

    def _subject(self, commit: str) -> str:
        with Objects(self._git) as objects:
            found = objects.commit(commit)
        return found.subject if found else commit[:7]

    def _conflict(self, commit: str) -> RevertError:
        files = self._run("diff", "--name-only", "-z", "--diff-filter=U").split("\0")
        named = ", ".join(printable(f) for f in files[:5] if f)
        return RevertError(
            f"{commit[:7]} can't be taken back: later commits changed the same lines of {named}",
            remedy=f"take it back by hand: git revert {commit[:7]}",
        )

    def _run(self, *args: str, stdin: bytes = b"") -> str:
        found = self._git.run(*args, timeout=TIMEOUT_S, stdin=stdin)
        return found.decode("utf-8", "surrogateescape")


def _plain(env: dict[str, str], name: str) -> dict[str, str]:
    who = {"NAME": "reconciler", "EMAIL": f"reconciler@{name}"}
    signed = {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in who.items()}
    kept = {k: v for k, v in env.items() if k not in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
    return kept | signed | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
