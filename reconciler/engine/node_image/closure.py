"""Which files of a tree some programs need: themselves, links on the way, loader, libraries, licences. Pure.

It follows what the files say (DT_NEEDED, PT_INTERP), which is less than what their packages depend on: those
bring Perl, PAM and systemd. What is opened by name at run time can't be seen here and has to be named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from posixpath import dirname, join, normpath

from reconciler.debian.deb import File, merged
from reconciler.engine.node_image import elf

Tree = Mapping[str, File]


class Incomplete(Exception):
    """The tree lacks something that is needed. The message says what, and what for."""


def closure(tree: Tree, roots: Iterable[str], folders: tuple[str, ...]) -> set[str]:
    """Paths of `tree` that the `roots` can't do without. `folders` are where the loader looks for libraries,
    first match first. Raises `Incomplete`.
    """
    kept: set[str] = set()
    waiting = [(root, "the image") for root in roots]
    while waiting:
        path, because = waiting.pop()
        if path in kept:
            continue
        chain = _chain(tree, path, because)
        file = chain[-1]
        if file not in kept:
            waiting += [(needed, file) for needed in _needs(tree, file, folders)]
        kept.update(chain)
    return kept


def licences(tree: Tree, kept: Iterable[str]) -> dict[str, File]:
    """The copyright file of every package that a kept file is from, at usr/share/doc/<package>/copyright.
    Debian lets a package's folder there be a link to another package's (Policy 12.5).
    """
    found = {}
    for package in sorted({tree[path].package for path in kept}):
        folder = f"usr/share/doc/{package}"
        while folder in tree:
            folder = _target(tree, folder)
        path = f"{folder}/copyright"
        found[f"usr/share/doc/{package}/copyright"] = tree[_chain(tree, path, f"package {package}")[-1]]
    return found


def _chain(tree: Tree, path: str, because: str) -> list[str]:
    """`path`, and where it is a link, all that it leads over, the regular file last."""
    chain = [path]
    while chain[-1] in tree and tree[chain[-1]].link:
        following = _target(tree, chain[-1])
        if following in chain:
            raise Incomplete(f"/{path}, needed by {because}, is a link to itself")
        chain.append(following)
    if chain[-1] not in tree:
        raise Incomplete(f"no package has /{chain[-1]}, needed by {because}")
    return chain


def _target(tree: Tree, path: str) -> str:
    """A link's, as a path of the tree. Relative links are relative to where the file is after the merge."""
    return merged(normpath(join("/", dirname(path), tree[path].link)))


def _needs(tree: Tree, path: str, folders: tuple[str, ...]) -> list[str]:
    try:
        interpreter, libraries = elf.needs(tree[path].content)
    except ValueError as error:
        raise Incomplete(f"/{path} of {tree[path].package} is {error}") from error
    found = [_library(tree, path, name, folders) for name in libraries]
    return [merged(interpreter), *found] if interpreter else found


def _library(tree: Tree, program: str, name: str, folders: tuple[str, ...]) -> str:
    for folder in folders:
        if (path := f"{folder}/{name}") in tree:
            return path
    raise Incomplete(f"no package has {name}, needed by /{program}")
