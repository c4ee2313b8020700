"""What kustomizations refer to, and that all of it lies in the source's tree. Runs nothing.

kustomize itself holds files to their own kustomization's folder, but reads bases from anywhere on the machine
and anything from the network. So a folder is rendered only where every kustomization that it leads to could
be read here, as kustomize reads it or more strictly: fields in any case of letters (Go's JSON), no YAML tags.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reconciler.manifests.documents import DocumentError, Positions, Reader
from reconciler.manifests.files import KUSTOMIZATIONS, check_text, read_bytes
from reconciler.manifests.limits import MAX_KUSTOMIZATIONS
from reconciler.model.base import Value
from reconciler.model.finding import Finding

PLUGINS = frozenset({"generators", "transformers", "validators"})
"""Fields whose files, or inline texts, configure kustomize's own plugins; these name files, too."""
FOLDERS = frozenset({"resources", "bases", "components"}) | PLUGINS
"""Fields that may name folders, or remote ones."""
FILES = frozenset(
    {"configurations", "crds", "env", "envs", "files", "patches", "patchesstrategicmerge", "path", "paths"}
)
HELM = frozenset({"helmcharts", "helmchartinflationgenerator", "helmglobals"})
_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_REMOTE = re.compile(
    r"\s*([a-z][a-z0-9+.-]*://|[a-z0-9]+::|gh:|[^/]*@[^/]*[:/]|(www\.)?(github|gitlab|bitbucket)\.(com|org)([:/]|$))",
    re.IGNORECASE,
)
"""What kustomize, in any of its versions, may take for a repository elsewhere rather than for a folder."""
_THIS_MACHINE = re.compile(r"\s*(git::)?file:", re.IGNORECASE)


class Kustomization(Value):
    """`refers` are the folders that it names, resolved. With `findings` it must not be rendered."""

    folder: Path
    refers: tuple[Path, ...] = ()
    component: bool = False
    findings: tuple[Finding, ...] = ()


def kustomization_of(folder: Path) -> Path | None:
    """The folder's kustomization file; None when it has none."""
    return next((folder / name for name in KUSTOMIZATIONS if _form(folder / name) == "file"), None)


class Kustomizations:
    """Those of one tree, each read once. `tree` bounds what may be read; names are relative to `root`."""

    def __init__(self, root: Path, tree: Path, *, remote: bool = False) -> None:
        self._root, self.tree = Path(os.path.realpath(root)), Path(os.path.realpath(tree))
        self._remote = remote
        self._known: dict[Path, Kustomization] = {}
        self._digests: dict[Path, bytes] = {}

    def top_most(self, folders: Sequence[Path]) -> list[Path]:
        """Those that no other one refers to. Of folders that refer to each other in a circle, all."""
        every = self.closure(*folders)
        reached = {to for one in every for to in one.refers if to != one.folder}
        roots = [f for f in folders if not self._read(_real(f)).component]
        tops = [f for f in roots if _real(f) not in reached]
        covered = {one.folder for one in self.closure(*tops)}
        return tops + [f for f in roots if _real(f) not in covered]

    def closure(self, *folders: Path) -> list[Kustomization]:
        """The folders and every folder that they refer to, however far; always in the same order."""
        seen: dict[Path, Kustomization] = {}
        stack = [_real(folder) for folder in reversed(folders)]
        while stack:
            here = stack.pop()
            if here not in seen:
                seen[here] = self._read(here)
                stack.extend(reversed(seen[here].refers))
        return list(seen.values())

    def digest(self, folder: Path) -> bytes:
        """Over every file that rendering may read, named from the tree's top: the same digest, the same
        output, also at another revision.
        """
        from hashlib import blake2b

        running = blake2b(digest_size=16)
        for file in sorted({file for one in self.closure(folder) for file in _files(one.folder)}):
            running.update(os.fsencode(os.path.relpath(file, self.tree)) + b"\0")
            if (content := self._digests.get(file)) is None:
                content = self._digests[file] = blake2b(_content(file), digest_size=16).digest()
            running.update(content)
        return running.digest()

    def _read(self, folder: Path) -> Kustomization:
        if (known := self._known.get(folder)) is None:
            reading = _Reading(folder, self.tree, self._root, remote=self._remote)
            known = reading.read() if len(self._known) < MAX_KUSTOMIZATIONS else reading.one_too_many()
            self._known[folder] = known
        return known


class _Reading:
    """One kustomization being read."""

    def __init__(self, folder: Path, tree: Path, root: Path, *, remote: bool) -> None:
        self.folder, self.tree, self.root, self.remote = folder, tree, root, remote
        self.findings: list[Finding] = []
        self.refers: list[Path] = []
        self.positions: Positions = {}
        self.file = kustomization_of(folder) or folder

    def read(self) -> Kustomization:
        content: dict[str, Any] = {}
        try:
            content = self._document()
        except DocumentError as error:
            self._say(error, (error.line, error.column))
        else:
            self._walk(content)
        return Kustomization(
            folder=self.folder,
            refers=tuple(dict.fromkeys(self.refers)),
            component=content.get("kind") == "Component",
            findings=tuple(self.findings),
        )

    def one_too_many(self) -> Kustomization:
        error = DocumentError(
            f"there are more than {MAX_KUSTOMIZATIONS:,} kustomizations", remedy="point to a smaller folder"
        )
        self._say(error, (0, 0))
        return Kustomization(folder=self.folder, findings=tuple(self.findings))

    def _document(self) -> dict[str, Any]:
        """Empty for a folder without a kustomization, of which kustomize says so."""
        if self.file == self.folder:
            return {}
        self._inside(self.file.name, self.file)
        reader = Reader(check_text(read_bytes(self.file)), positions=True)
        documents = []
        for document in reader.documents():
            documents.append(document)
            self.positions = self.positions or reader.positions
        if len(documents) > 1:
            raise DocumentError("holds several documents", remedy="one file, one kustomization")
        content = documents[0] if documents else {}
        if not isinstance(content, dict):
            raise DocumentError("isn't a kustomization: expected a mapping", 1, 1)
        return content

    def _walk(self, content: dict[str, Any]) -> None:
        """Every value, whatever it stands in: what is a path is known by the field's name alone."""
        for key in content:
            if key.casefold() in HELM:
                remedy = "helm template NAME CHART > chart.yaml, and commit that"
                self._say(DocumentError("charts aren't rendered here", remedy=remedy), self._position((key,)))
        for path, field, value in _values(content):
            try:
                self._check(field, value)
            except DocumentError as error:
                self._say(error, self._position(path))

    def _check(self, field: str, value: object) -> None:
        if field not in FOLDERS and field not in FILES:
            return
        if not isinstance(value, str):
            raise DocumentError(f"expected a path in {field}, found {value!r}"[:200], remedy="write a path")
        if field in PLUGINS and (inline := _inline(value)):
            self._plugins(inline)
        else:
            self._path(field, value)

    def _path(self, field: str, text: str) -> None:
        name = text.partition("=")[2] or text if field in ("files", "paths") else text
        if _is_url(text) or (field in FOLDERS and _REMOTE.match(text)):
            self._elsewhere(text)
            return
        target = self._inside(text, self.folder / name)
        form = _form(target)
        if field in PLUGINS and form == "folder" and not self.remote:
            remedy = "name its files: what is rendered for a plugin could name anything"
            raise DocumentError(f'"{text[:200]}" is a folder of plugins', remedy=remedy)
        if field in FOLDERS and form == "folder":
            self.refers.append(target)
        elif field in PLUGINS and form == "file":
            self._plugins(Reader(check_text(read_bytes(target))).documents())
        elif field in ("env", "envs") and form == "file":
            _refuse_environment(text, read_bytes(target))

    def _plugins(self, documents: Iterable[object]) -> None:
        """A plugin's configuration may name files, too. Paths are bound by kustomize itself, URLs aren't."""
        for document in documents:
            for _, field, value in _values(document):
                if isinstance(value, str) and field in FOLDERS | FILES and _is_url(value):
                    self._elsewhere(value)

    def _elsewhere(self, text: str) -> None:
        if _THIS_MACHINE.match(text):
            raise DocumentError(f'"{text[:200]}" is a repository on this machine', remedy=_IN_TREE)
        if not self.remote:
            raise DocumentError(f'"{text[:200]}" would be read from another machine', remedy=_REMOTE_REMEDY)

    def _inside(self, text: str, path: Path) -> Path:
        """Resolved, links and all."""
        try:
            target = _real(path)
        except (OSError, ValueError):  # a loop of links, a NUL
            raise DocumentError(f'"{text[:200]}" is no path', remedy="write a path") from None
        if Path(text).is_absolute() or not target.is_relative_to(self.tree):
            raise DocumentError(f'"{text[:200]}" leads out of the tree', remedy=_IN_TREE)
        return target

    def _position(self, path: tuple[str | int, ...]) -> tuple[int, int]:
        """Where it stands, or what holds it."""
        ends = (path[:end] for end in range(len(path), 0, -1))
        return next((self.positions[part] for part in ends if part in self.positions), (0, 0))

    def _say(self, error: DocumentError, where: tuple[int, int]) -> None:
        self.findings.append(
            Finding(
                file=os.path.relpath(self.file, self.root),
                line=where[0],
                column=where[1],
                message=error.message,
                remedy=error.remedy,
                rule="kustomize",
            )
        )


_IN_TREE = "a source is read from its own tree alone: put it there, and name it by a relative path"
_REMOTE_REMEDY = (
    "commit a copy of it and name that, or allow it in nodes.yaml: spec.manifests.remoteBases: allow"
)


def _values(content: object) -> Iterator[tuple[tuple[str | int, ...], str, object]]:
    """Each value that is no mapping or list, or is empty: its path, and the field that it stands in."""
    stack: list[tuple[tuple[str | int, ...], str, object]] = [((), "", content)]
    while stack:
        path, field, value = stack.pop()
        if isinstance(value, dict) and value:
            stack.extend(((*path, key), str(key).casefold(), inner) for key, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*path, i), field, inner) for i, inner in reversed(list(enumerate(value))))
        else:
            yield path, field, value


def _is_url(text: str) -> bool:
    """Also behind a key: `key=https://...`."""
    return any(_URL.match(part) for part in (text, text.partition("=")[2]))


def _inline(text: str) -> list[object]:
    """A plugin's configuration that stands in the kustomization itself; nothing for a path."""
    try:
        documents = list(Reader(text).documents())
    except DocumentError:
        return []
    return documents if any(isinstance(document, dict | list) for document in documents) else []


def _refuse_environment(text: str, data: bytes) -> None:
    """kustomize takes the value of a line without `=` from the environment of whoever renders."""
    for line in data.decode(errors="replace").splitlines():
        name = line.strip()
        if name and not name.startswith("#") and "=" not in name:
            raise DocumentError(
                f'"{text[:200]}" takes {name[:80]} from the environment',
                remedy=f"write {name[:80]}=VALUE there",
            )


def _form(path: Path) -> str:
    """`file`, `folder`, or empty: neither, not there, or out of our reach; kustomize words that better."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _files(folder: Path) -> Iterator[Path]:
    for here, below, names in os.walk(folder):
        links = [name for name in below if os.path.islink(os.path.join(here, name))]  # noqa: PTH114, PTH118  # never raises
        below[:] = [name for name in below if name != ".git"]
        yield from (Path(here) / name for name in (*names, *links))


def _content(file: Path) -> bytes:
    """A link is its text: what it leads to is in the tree and looked at there, or isn't read at all."""
    try:
        return os.fsencode(file.readlink()) if file.is_symlink() else read_bytes(file)
    except DocumentError as error:
        return error.message.encode()
    except OSError as error:
        return str(error.strerror).encode()
