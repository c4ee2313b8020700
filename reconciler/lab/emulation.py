"""Programs of ARM machines on this one, for a lab's containers: Debian's qemu-user-static by the kernel's
binfmt_misc. Installs nothing.

A handler belongs to the whole kernel. Ours carry the process that they are for in their names: several runs
side by side have their own, and what a dead one left behind is removed by the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.debian import packages
from reconciler.debian.deb import unpack
from reconciler.debian.packages import PackageUnavailable
from reconciler.errors import LabError
from reconciler.lab import process
from reconciler.lab.command import run
from reconciler.lab.image import host_platform
from reconciler.lab.other_engine import cache, locked

EMULATORS = {"arm64": "qemu-aarch64-static", "arm": "qemu-arm-static"}
"""The image format's architecture -> the program that runs its programs."""
PREFIX = "reconciler-lab-"

_MACHINES = {"arm64": (2, 0xB7), "arm": (1, 0x28)}
"""ELF's class (1: 32 bits, 2: 64) and e_machine."""


@contextmanager
def emulated() -> Iterator[None]:
    """While the block runs, this kernel starts programs for arm64 and arm, also in containers: the handlers'
    F flag has the emulator opened now, so that no container needs to have it, and P hands it the name that a
    program was called by, which busybox goes by. Raises LabError.
    """
    if host_platform() != "linux/amd64":
        raise LabError(f"ARM is emulated on amd64 only, and this is {host_platform()}")
    programs = fetch()
    with TemporaryDirectory(prefix="reconciler-binfmt-") as folder:
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", folder])
        names = []
        try:
            remove_orphans(Path(folder))
            for architecture, program in programs.items():
                name = f"{PREFIX}{process.token(os.getpid()).replace(':', '-')}-{architecture}"
                (Path(folder) / "register").write_text(registration(name, architecture, program))
                names.append(name)
            yield
        finally:
            for name in names:
                (Path(folder) / name).write_text("-1")
            run(["umount", folder])


def registration(name: str, architecture: str, program: Path) -> str:
    """A line for binfmt_misc's `register` (kernel: admin-guide/binfmt-misc): programs of
    this architecture, position-independent ones, too, whatever system's ABI they name.
    """
    bits, machine = _MACHINES[architecture]
    magic = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9) + bytes([2, 0, machine, 0])
    mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    return f":{name}:M::{_escaped(magic)}:{_escaped(mask)}:{program}:FP"


def _escaped(content: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in content)


def remove_orphans(folder: Path) -> None:
    """`folder` is where binfmt_misc is mounted."""
    for entry in folder.glob(f"{PREFIX}*"):
        pid, _, rest = entry.name.removeprefix(PREFIX).partition("-")
        if not process.is_alive(f"{pid}:{rest.partition('-')[0]}"):
            with suppress(OSError):  # another run has removed it
                entry.write_text("-1")


def fetch() -> dict[str, Path]:
    """The emulators by architecture, from the cache. Raises LabError."""
    place = cache() / "qemu-user-static"
    found = {architecture: place / name for architecture, name in EMULATORS.items()}
    with locked("qemu-user-static"):
        if not all(path.exists() for path in found.values()):
            _unpack(place, set(EMULATORS.values()))
    return found


def _unpack(place: Path, wanted: set[str]) -> None:
    try:
        package = packages.fetch(("qemu-user-static",), "amd64", alone=True)["qemu-user-static"]
    except PackageUnavailable as error:
        raise LabError(f"the emulators can't be fetched: {error}", remedy=error.remedy) from error
    place.mkdir(parents=True, exist_ok=True)
    for entry, content in unpack(package):
        name = entry.name.rpartition("/")[2]
        if name in wanted and content:
            draft = place / f"{name}.new"
            draft.write_bytes(content)
            draft.chmod(0o755)
            draft.rename(place / name)
