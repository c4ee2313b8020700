"""Debian packages of any architecture, fetched and verified by apt, unpacked by us."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

SUITE = "bookworm"
MIRROR_VARIABLE = "RECONCILER_DEBIAN_MIRROR"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 300


class PackageUnavailable(Exception):
    """The message says why, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def fetch(package: str, architecture: str) -> bytes:
    """The .deb of Debian's `architecture` (amd64, arm64, armhf, armel), its signature chain checked by
    apt.
    """
    if shutil.which("apt-get") is None:
        raise PackageUnavailable("there is no apt-get on this machine", _elsewhere())
    if not _KEYRING.exists():
        raise PackageUnavailable(f"{_KEYRING} is missing", "apt-get install debian-archive-keyring")
    with tempfile.TemporaryDirectory(prefix="reconciler-apt-") as folder:
        environment = {**os.environ, "APT_CONFIG": str(_apt_config(Path(folder), architecture))}
        _apt(["update"], environment, Path(folder))
        _apt(["download", package], environment, Path(folder))
        found = list(Path(folder).glob(f"{package}_*.deb"))
        if len(found) != 1:
            raise PackageUnavailable(f"apt-get found no {package} for {architecture}", _elsewhere())
        return found[0].read_bytes()


def unpack(package: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every entry of a .deb's data archive with its content (Debian: deb(5), an `ar` archive)."""
    for name, content in _ar_members(package):
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as data:
                for entry in data:
                    file = data.extractfile(entry) if entry.isreg() else None
                    yield entry, file.read() if file else b""


def _ar_members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    offset = 8
    while offset + 60 <= len(archive):
        head = archive[offset : offset + 60]
        size = int(head[48:58])
        yield head[:16].decode().strip().rstrip("/"), archive[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2


def _apt_config(folder: Path, architecture: str) -> Path:
    """Everything that apt reads and writes in `folder`, but for proxies and such from the machine's
    apt.conf.d.
    """
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "state/status").touch()
    mirror = _mirror()
    (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror} {SUITE} main\n")
    settings = {
        "APT::Architecture": architecture,
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    lines = [f'{key} "{value}";' for key, value in settings.items()]
    lines.append(f'APT::Architectures {{ "{architecture}"; }};')
    config = folder / "apt.conf"
    config.write_text("\n".join(lines) + "\n")
    return config


def _mirror() -> str:
    """The one that the variable names, else the one that this machine's own apt takes Debian from."""
    if given := os.environ.get(MIRROR_VARIABLE):
        return given
    form = ["--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(
        ["apt-get", "indextargets", *form], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    found = [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith("Debian ")]
    if not found:
        raise PackageUnavailable(
            "this machine's apt knows no Debian mirror (after `apt-get update`)", _elsewhere()
        )
    return found[0]


def _apt(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    try:
        done = subprocess.run(
            ["apt-get", "-q", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PackageUnavailable(
            f"apt-get {arguments[0]} took more than {_SECONDS} s", _elsewhere()
        ) from error
    errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W: Failed", "Err:"))]
    if done.returncode or (arguments[0] == "update" and errors):
        detail = "; ".join(errors) or done.stderr.strip() or f"exit code {done.returncode}"
        raise PackageUnavailable(f"apt-get {' '.join(arguments)}: {detail}", _elsewhere())


def _elsewhere() -> str:
    return (
        f"let this machine reach a Debian mirror ({MIRROR_VARIABLE} names one), or copy "
        "~/.cache/reconciler/node-image from a Debian machine that has run the reconciler"
    )
