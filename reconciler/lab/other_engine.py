"""Engines other than this machine's own, unpacked into a folder for `Lab.up(engine=...)`. Installs nothing.

They are what Debian's suites have; the programs that a suite's packages need and this machine's libc serves
(runc above all) stay this machine's. Such a folder holds

    bin/dockerd        what a node starts, with dockerd's flags; other programs beside it
    daemon.json        optional: settings of the engine
    usr/               the packages
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.debian import packages
from reconciler.debian.packages import PackageUnavailable
from reconciler.errors import LabError
from reconciler.lab import podman
from reconciler.lab.image import host_platform
from reconciler.model.base import Value

DEBIAN = {"linux/amd64": "amd64", "linux/arm64": "arm64", "linux/arm": "armhf"}
"""This machine's platform -> Debian's name of its architecture."""

DOCKERD = """\
#!/bin/sh
# Started with the system's PATH, dockerd must find its own containerd and docker-proxy.
here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$here/usr/sbin:$here/usr/bin:$PATH
export PATH
exec "$here/usr/sbin/dockerd" --userland-proxy-path="$here/usr/sbin/docker-proxy" "$@"
"""


DOCKER = ("docker.io", "docker-cli", "containerd")


class Kind(Value):
    """Packages of a suite; `alone`: without what they depend on."""

    suite: str
    packages: tuple[str, ...]
    alone: bool = True
    settings: Mapping[str, object] = {}
    """For its daemon.json."""


KINDS: Mapping[str, Kind] = {
    "docker-trixie": Kind(suite="trixie", packages=DOCKER),
    "docker-sid": Kind(suite="sid", packages=DOCKER),
    "podman-trixie": Kind(suite="trixie", packages=podman.PACKAGES, alone=False),
    "docker-sid-containerd": Kind(
        suite="sid", packages=DOCKER, settings={"features": {"containerd-snapshotter": True}}
    ),
}


def fetch(name: str) -> Path:
    """The folder of an engine of `KINDS`, made where it isn't there yet. Raises LabError.

    It stays in the cache ($XDG_CACHE_HOME) until somebody removes it: sid moves on, a folder doesn't.
    """
    if name not in KINDS:
        raise LabError(f"no engine {name}: expected one of {', '.join(KINDS)}")
    place = cache() / name
    with locked(name):
        if not (place / "bin" / "dockerd").exists():
            _make(KINDS[name], place)
    return place


def cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "reconciler" / "engines"


def _make(kind: Kind, place: Path) -> None:
    try:
        found = packages.fetch(kind.packages, _architecture(), kind.suite, alone=kind.alone)
    except PackageUnavailable as error:
        raise LabError(f"the engine can't be fetched: {error}", remedy=error.remedy) from error
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for package, content in found.items():
        archive = place / f"{package}.deb"
        archive.write_bytes(content)
        subprocess.run(["dpkg", "-x", archive, place], check=True, capture_output=True, timeout=120)
        if package == "podman":
            (place / "version").write_text(_version(archive))
        archive.unlink()
    if kind.settings:
        (place / "daemon.json").write_text(json.dumps(kind.settings))
    _wrap(place, podman.script() if "podman" in found else DOCKERD)


def _wrap(place: Path, dockerd: str) -> None:
    (place / "bin").mkdir(exist_ok=True)
    for name in ("docker", "containerd", "ctr"):
        if (place / "usr" / "bin" / name).exists():
            (place / "bin" / name).symlink_to(f"../usr/bin/{name}")
    write_program(place / "bin" / "dockerd", dockerd)


def _version(archive: Path) -> str:
    """Without what Debian has put behind it: its programs don't run before they are laid over /usr."""
    done = subprocess.run(
        ["dpkg-deb", "--field", archive, "Version"], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip().partition("+")[0].partition("-")[0]


def write_program(path: Path, text: str) -> None:
    """All or nothing: that it is there says that the folder is whole."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.chmod(0o755)
    draft.rename(path)


def _architecture() -> str:
    platform = host_platform()
    if platform not in DEBIAN:
        raise LabError(f"Debian's engines are known here for {', '.join(DEBIAN)}, and this is {platform}")
    return DEBIAN[platform]


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One at a time, also between processes."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
