"""The node image on a node: which one, and how it gets there. It travels over the connection, not by a
registry.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.debian.packages import PackageUnavailable
from reconciler.engine.connection.answers import Progress
from reconciler.engine.connection.client import Engine
from reconciler.engine.node_image.archive import RECIPE_LABEL, REPOSITORY
from reconciler.engine.node_image.build import build, debian_architecture, recipe
from reconciler.engine.pods import image
from reconciler.errors import EngineError, ImageUnavailable

_LOAD_SECONDS = 300.0
log = logging.getLogger(__name__)


def ensure(engine: Engine) -> str:
    """Its tag, loaded first where it is missing. An image of the same recipe that is there already will
    do.
    """
    if there := present(engine):
        return there
    tag, archive = _built(engine)
    options = {"params": {"quiet": True}, "headers": {"Content-Type": "application/x-tar"}}
    for line in engine.lines(
        Progress, "POST", "/images/load", body=archive, timeout=_LOAD_SECONDS, **options
    ):
        if "error" in line:
            raise EngineError(f"the node image can't be loaded: {line['error']}", node=engine.node)
    if image.inspect(engine, tag) is None:
        raise EngineError(f"the node image was loaded, but {tag} isn't there", node=engine.node)
    return tag


def present(engine: Engine) -> str:
    """The tag of one of our recipe that is on the node; empty where there is none."""
    filters = f'{{"label":["{RECIPE_LABEL}={recipe()}"]}}'
    found = engine.call("GET", "/images/json", params={"filters": filters}, listing=True) or []
    # Podman calls what has no registry `localhost/...`, and finds it by the plain name as well.
    tags = [str(t).removeprefix("localhost/") for i in found for t in i.get("RepoTags") or []]
    return min((t for t in tags if t.startswith(f"{REPOSITORY}:")), default="")


def _architecture(engine: Engine) -> str:
    """Debian's name for the node's. The Engine says `arm` for both kinds; its kernel knows which."""
    version = engine.call("GET", "/version")
    machine = engine.call("GET", "/info").get("Architecture", "")
    return debian_architecture(version["Arch"], "v6" if machine == "armv6l" else "v7")


def _built(engine: Engine) -> tuple[str, bytes]:
    architecture = _architecture(engine)
    with _lock():
        if (cached := _cached(architecture)) is None:
            cached = _build(engine, architecture)
    return f"{REPOSITORY}:{cached.name.split('_')[1].removesuffix('.tar.gz')}", cached.read_bytes()


def _build(engine: Engine, architecture: str) -> Path:
    try:
        made, because = build(architecture, _packages(architecture))
    except PackageUnavailable as error:
        raise ImageUnavailable(
            f"the node image for {architecture} can't be built here: {error}",
            node=engine.node,
            remedy=error.remedy,
        ) from error
    if because:
        log.warning("the node image for %s is made of packages from before: %s", architecture, because)
    path = _folder() / f"{architecture}_{made.tag.partition(':')[2]}.tar.gz"
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(made.archive)
    return unfinished.rename(path)


def _cached(architecture: str) -> Path | None:
    return next(iter(sorted(_folder().glob(f"{architecture}_*.tar.gz"))), None)


def _packages(architecture: str) -> Path:
    """Those that the last image was made of, of whatever recipe."""
    return _folder().parent / f"packages-{architecture}.tar"


def _folder() -> Path:
    """One per recipe, under the XDG cache directory."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "reconciler" / "node-image" / recipe()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _lock() -> Iterator[None]:
    """One build at a time, also between processes."""
    with (_folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
