"""Reads commits, trees and blobs of a local repository: two git processes for a whole revision.

Straight from the objects: `git archive` and checkouts obey .gitattributes, and an `export-ignore` there
would look like a removed manifest.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from reconciler.model.base import Value
from reconciler.model.revision import Revision
from reconciler.printable import MOST
from reconciler.source.limits import MAX_COMMIT_BYTES, Tally, shortened, too_large
from reconciler.source.process import Git, GitFailed

READ_TIMEOUT_S = 60.0
"""For all that is read of one revision; it is local."""
CHUNK_BYTES = 1 << 16
LONGEST_TEXT = 4 * MOST
"""Bytes of a commit's subject or an author's name that are looked at: more than are shown."""
END_OF_TIME = 253_402_300_800
"""The year 10000 (epoch seconds), which Python's dates don't have."""
REGULAR, EXECUTABLE, SYMLINK, GITLINK, FOLDER = "100644", "100755", "120000", "160000", "040000"


class Entry(Value):
    """A file of a tree, or a folder. `path` has `/` between its parts and is what the repository says: don't
    trust it. `size` is that of the file in bytes.
    """

    mode: str
    id: str
    path: str
    size: int = 0


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

    def read(self, name: str, most: int) -> tuple[str, bytes] | None:
        """Full id and content of an object, None when there is no such. Raises `GitFailed`, and `SourceError`
        when it has more than `most` bytes: then nothing more can be read.
        """
        header = self._asked(name)
        if header is None:
            return None
        found, size = header
        if size > most:
            raise too_large(f"{shortened(name)} has {size:,} bytes, and {most:,} are the most")
        return found, b"".join(self._content(name, size))

    def chunks(self, identity: str) -> Iterator[bytes] | None:
        """An object's content, piece by piece, to be read to its end; None when there is no such."""
        header = self._asked(identity)
        return None if header is None else self._content(identity, header[1])

    def _asked(self, name: str) -> tuple[str, int] | None:
        """An object's id and its size."""
        out, send = self._process.stdout, self._process.stdin
        if out is None or send is None:
            raise GitFailed("cat-file", "no pipe")
        try:
            send.write(name.encode() + b"\n")
            send.flush()
            header = out.readline().split()
            if header[-1:] == [b"missing"]:
                return None
            found, _, size = header
            return found.decode(), int(size)
        except (BrokenPipeError, ValueError) as error:
            raise self._broken(name) from error

    def _content(self, name: str, size: int) -> Iterator[bytes]:
        assert self._process.stdout is not None
        while size:
            chunk = self._process.stdout.read(min(size, CHUNK_BYTES))
            if not chunk:
                raise self._broken(name)
            size -= len(chunk)
            yield chunk
        self._process.stdout.read(1)

    def commit(self, name: str) -> Revision | None:
        """The commit that `name` leads to. None when there is none. Raises `GitFailed`, `SourceError`."""
        found = self.read(f"{name}^{{commit}}", MAX_COMMIT_BYTES)
        return parse_commit(*found) if found else None

    def tree(self, commit: str, tally: Tally) -> list[Entry]:
        """Every file of a commit, in Git's order. Raises `GitFailed`, and `SourceError` as soon as it is too
        much; of no file more than its size has been read then.
        """
        listing = self._git.spawn(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit])
        timer = threading.Timer(self._timeout, listing.kill)
        timer.daemon = True
        timer.start()
        try:
            entries = list(_entries(listing, tally))
            _, err = listing.communicate()
            if listing.returncode:
                late = None if timer.is_alive() else self._timeout
                raise GitFailed("ls-tree", err.decode(errors="replace"), timed_out=late)
        finally:
            timer.cancel()
            self._git.end(listing)
        return entries

    def _broken(self, name: str) -> GitFailed:
        """cat-file ends at a damaged object, and says so on stderr."""
        try:
            _, err = self._process.communicate(timeout=1.0)
        except (subprocess.TimeoutExpired, ValueError):
            err = b""
        return GitFailed("cat-file", err.decode(errors="replace") or f"could not read {name}")


def _entries(listing: subprocess.Popen[bytes], tally: Tally) -> Iterator[Entry]:
    """Files alone; folders are counted, too: a tree of empty ones costs as much."""
    assert listing.stdout is not None
    rest = b""
    while chunk := listing.stdout.read1(CHUNK_BYTES):  # type: ignore[attr-defined]  # it is buffered
        *lines, rest = (rest + chunk).split(b"\0")
        if len(rest) > CHUNK_BYTES:
            raise too_large(f"holds a path of more than {CHUNK_BYTES:,} bytes")
        for line in lines:
            entry = _entry(line)
            tally.entry(entry.path, entry.size)
            if entry.mode != FOLDER:
                yield entry


def _entry(line: bytes) -> Entry:
    """`100644 blob ID    SIZE<tab>PATH`; a folder and a submodule have `-` for a size."""
    facts, _, path = line.partition(b"\t")
    mode, _, identity, size = facts.decode().split()
    name = path.decode("utf-8", "surrogateescape")
    return Entry(mode=mode, id=identity, path=name, size=int(size) if size.isdigit() else 0)


def parse_commit(identity: str, content: bytes) -> Revision:
    """Subject (the first paragraph on one line), author's name, and when it was committed."""
    head, _, message = content.partition(b"\n\n")
    fields = dict(reversed([line.partition(b" ")[::2] for line in head.split(b"\n")]))
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    subject = " ".join(_text(message.strip().split(b"\n\n")[0], encoding).split())
    author = _text(fields.get(b"author", b""), encoding).partition(" <")[0]
    return Revision(id=identity, subject=subject, author=author, time=_time(fields.get(b"committer", b"")))


def _text(raw: bytes, encoding: str) -> str:
    """Whoever commits names the encoding: some raise whatever they are given, some take ages for it."""
    raw = raw[:LONGEST_TEXT]
    try:
        return raw.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return raw.decode("utf-8", "replace")


def _time(signature: bytes) -> float:
    """`Name <mail> 1700000000 +0100`: the second word from the end. 0 for what no calendar shows."""
    words = signature.split()
    told = float(words[-2]) if len(words) > 1 and words[-2].isdigit() else 0.0
    return told if told < END_OF_TIME else 0.0
