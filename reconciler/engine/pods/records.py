"""What is kept on a node beside Docker: files in /var/lib/reconciler/<fleet>/records, which no prune takes.

A record says how the containers of a pod have ended that are not to run again, or that we pulled an image. A
passing container writes and removes it, so that it works on nodes without a network of ours, too. The node's
shell reads it, or, where none is granted, a passing container as well. What is read was on a node: it is
parsed, and bounded.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import PurePath
from shlex import quote
from time import time
from typing import Any

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods.files import File, tarball
from reconciler.engine.pods.helper import helper, run, unnamed_helper
from reconciler.errors import EngineError, NodeUnreachable
from reconciler.model.base import Value, typed
from reconciler.model.meta import Key
from reconciler.model.observed import Ending, HeldImage, PodRecord

ROOT = "/var/lib/reconciler"
_INSIDE = "/records"
"""Where a passing container has that directory."""
_ANY: Any = Ending | HeldImage
_MOST_BYTES = 4 * 2**20
_SECONDS = 30.0
_CUT = b"\n?\n"
"""In place of what couldn't be read: a line that is no record."""
_SIGN = b"records:\n"
"""What the shell writes first: without it, it wasn't the shell that answered, or it may not look there."""


class Records(Value):
    """Pod -> how its containers have ended, and images that we pulled by name. `complaints`: what can't be
    read, in words for people.
    """

    endings: dict[Key, Ending] = {}
    images: dict[str, HeldImage] = {}
    complaints: tuple[str, ...] = ()


def read(engine: Engine, fleet: str, *, shell_only: bool) -> Records | None:
    """Every record; None where `shell_only` and the node's shell can't tell."""
    with suppress(NodeUnreachable):
        code, output = engine.run(script(_folder(fleet)), _SECONDS)
        if code == 0 and output.startswith(_SIGN):
            return parse(output.removeprefix(_SIGN), engine.node)
    return None if shell_only else parse(b"".join(_unpacked(engine, fleet)), engine.node)


def script(folder: str) -> str:
    """Says nothing where this user may not look into the folder, or may not see whether there is one: that
    isn't a node without records.
    """
    way = " ".join(quote(str(part)) for part in (*reversed(PurePath(folder).parents), folder))
    return (
        f'for d in {way}; do [ ! -d "$d" ] || [ -x "$d" ] || exit 1; done; '
        '[ ! -d "$d" ] || [ -r "$d" ] || exit 1; echo records:; '
        f'cat "$d"/*.json 2>/dev/null | head -c {_MOST_BYTES}'
    )


def parse(text: bytes, node: str) -> Records:
    """One JSON object a line, and empty lines. The node is the one that it was read on, whatever is written
    there, and what is gone has no address.
    """
    endings: dict[Key, Ending] = {}
    images: dict[str, HeldImage] = {}
    damaged = 0
    for line in filter(None, text.split(b"\n")):
        try:
            found: Ending | HeldImage = msgspec.json.decode(line, type=typed(_ANY))
        except (msgspec.DecodeError, ValueError, RecursionError):
            damaged += 1
            continue
        if isinstance(found, HeldImage):
            images[found.name] = found
        elif found.record.owner.namespace != found.record.namespace:
            damaged += 1
        else:
            record = msgspec.structs.replace(found.record, node=node, ip="")
            endings[record.key] = msgspec.structs.replace(found, record=record)
    said = f"{damaged} damaged records of ended pods below {ROOT}: what they are about may run again"
    return Records(endings=endings, images=images, complaints=(said,) if damaged else ())


def line(found: Ending | HeldImage) -> bytes:
    """A file's contents. It begins a new line: the file that is read before it may have been cut off."""
    return b"\n" + msgspec.json.encode(found) + b"\n"


def write(engine: Engine, fleet: str, ending: Ending) -> None:
    """In the place of what was recorded of this pod before."""
    _write(engine, fleet, ending.record, {_name(ending.record.key): ending})


def write_images(engine: Engine, fleet: str, pod: PodRecord, images: Iterable[HeldImage]) -> None:
    """For `pod`, which needed them."""
    _write(engine, fleet, pod, {_image(one.name): one for one in images})


def remove_images(engine: Engine, fleet: str, names: Iterable[str]) -> None:
    script = "rm -f " + " ".join(quote(f"{_INSIDE}/{_image(name)}") for name in names)
    with unnamed_helper(engine, fleet, binds=[_bind(fleet)], script=script) as container:
        if code := run(engine, container, _SECONDS):
            raise EngineError(f"records of images can't be removed (exit code {code})", node=engine.node)


def _write(engine: Engine, fleet: str, pod: PodRecord, found: Mapping[str, Ending | HeldImage]) -> None:
    files = (File(path=name, data=line(one), mode=0o644) for name, one in found.items())
    tar = tarball([], [(file.path, file, 0) for file in files], time())
    with helper(engine, fleet, pod, [], binds=[_bind(fleet)]) as container:
        engine.upload(container, _INSIDE, tar)


def remove(engine: Engine, fleet: str, ending: Ending) -> None:
    name = _name(ending.record.key)
    script = f"rm -f {quote(f'{_INSIDE}/{name}')}"
    with helper(engine, fleet, ending.record, [], script, binds=[_bind(fleet)]) as container:
        if code := run(engine, container, _SECONDS):
            raise EngineError(
                f"the record of {ending.record.key} can't be removed (exit code {code})",
                node=engine.node,
                remedy=f"remove it on the node: {_folder(fleet)}/{name}",
            )


def _name(pod: Key) -> str:
    """No name of Kubernetes' has a `_`: never ambiguous."""
    return f"pod_{pod.namespace}_{pod.name}.json"


def _image(name: str) -> str:
    return f"image_{sha256(name.encode()).hexdigest()[:32]}.json"


def _folder(fleet: str) -> str:
    return f"{ROOT}/{fleet}/records"


def _bind(fleet: str) -> str:
    """Docker makes the directory if it isn't there."""
    return f"{_folder(fleet)}:{_INSIDE}"


def _unpacked(engine: Engine, fleet: str) -> Iterator[bytes]:
    """The files, out of the tar that Docker makes of a directory in a container."""
    with unnamed_helper(engine, fleet, binds=[_bind(fleet)]) as container:
        packed, left = bytearray(), 2 * _MOST_BYTES
        path = {"path": _INSIDE}
        with engine.stream("GET", f"/containers/{container}/archive", params=path) as chunks:
            for chunk in chunks:
                packed += chunk[: left - len(packed)]
                if len(packed) == left:
                    break
    yield from files_of(packed)


def files_of(packed: bytes | bytearray) -> Iterator[bytes]:
    """What is in a tar's files, as far as it can be read and is of a size: sparse ones may claim any. What is
    left out counts as damaged.
    """
    left = 2 * _MOST_BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r|") as tar:
            for entry in tar:
                if entry.isfile() and (file := tar.extractfile(entry)) is not None:
                    if entry.size > left:
                        yield _CUT
                        return
                    left -= entry.size
                    yield file.read()
    except (tarfile.TarError, ValueError, ArithmeticError):
        yield _CUT
