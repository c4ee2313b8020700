"""Reads commits, trees and blobs of a local repository: two git processes for a whole revision.

Straight from the objects: `git archive` and checkouts obey .gitattributes, and an `export-ignore` there
would look like a removed manifest.
"""

from __future__ import annotations

import subprocess
import threading
from types import TracebackType
from typing import Self

from reconciler.model.base import Value
from reconciler.model.revision import Revision
from reconciler.source.process import Git, GitFailed

READ_TIMEOUT_S = 60.0
"""For all that is read of one revision; it is local."""
REGULAR, EXECUTABLE, SYMLINK, GITLINK = "100644", "100755", "120000", "160000"


class Entry(Value):
    """A file of a tree. `path` has `/` between its parts and is what the repository says: don't trust it."""

    mode: str
    id: str
    path: str


class Objects:
    """`git cat-file --batch`, for the time of a `with`. Not for several threads."""

    def __init__(self, git: Git, timeout: float = READ_TIMEOUT_S) -> None:
        self._git, self._timeout = git, timeout

    def __enter__(self) -> Self:
        self._process = self._git.spawn(["cat-file", "--batch"])
        self._timer = threading.Timer(self._timeout, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._git.end(self._process)

    def read(self, name: str) -> tuple[str, bytes] | None:
        """Full id and content of an object, None when there is no such. Raises `GitFailed`."""
        out = self._process.stdout
        send = self._process.stdin
        if out is None or send is None:
            raise GitFailed("cat-file", "no pipe")
        try:
            send.write(name.encode() + b"\n")
            send.flush()
            header = out.readline().split()
            if header[-1:] == [b"missing"]:
                return None
            found, _, size = header
            content = out.read(int(size))
            out.read(1)
        except (BrokenPipeError, ValueError) as error:
            raise self._broken(name) from error
        if len(content) != int(size):
            raise self._broken(name)
        return found.decode(), content

    def commit(self, name: str) -> Revision | None:
        """The commit that `name` leads to. None when there is none. Raises `GitFailed`."""
        found = self.read(f"{name}^{{commit}}")
        return parse_commit(*found) if found else None

    def tree(self, commit: str) -> list[Entry]:
        """Every file of a commit, in Git's order. Raises `GitFailed`."""
        listing = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit, timeout=self._timeout)
        return [_entry(line) for line in listing.split(b"\0") if line]

    def _broken(self, name: str) -> GitFailed:
        """cat-file ends at a damaged object, and says so on stderr."""
        try:
            _, err = self._process.communicate(timeout=1.0)
        except (subprocess.TimeoutExpired, ValueError):
            err = b""
        return GitFailed("cat-file", err.decode(errors="replace") or f"could not read {name}")


def _entry(line: bytes) -> Entry:
    facts, _, path = line.partition(b"\t")
    mode, _, identity = facts.decode().split(" ")
    return Entry(mode=mode, id=identity, path=path.decode("utf-8", "surrogateescape"))


def parse_commit(identity: str, content: bytes) -> Revision:
    """Subject (the first paragraph on one line), author's name, and when it was committed."""
    head, _, message = content.partition(b"\n\n")
    fields = dict(reversed([line.partition(b" ")[::2] for line in head.split(b"\n")]))
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    subject = " ".join(_text(message.strip().split(b"\n\n")[0], encoding).split())
    author = _text(fields.get(b"author", b""), encoding).partition(" <")[0]
    return Revision(id=identity, subject=subject, author=author, time=_time(fields.get(b"committer", b"")))


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _time(signature: bytes) -> float:
    """`Name <mail> 1700000000 +0100`: the second word from the end."""
    words = signature.split()
    return float(words[-2]) if len(words) > 1 and words[-2].isdigit() else 0.0
