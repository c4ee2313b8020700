"""Debian packages of any architecture with all that they depend on, fetched and verified by apt."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import sleep

SUITE = "bookworm"
"""What the node image is made of. Other suites are for the lab."""
MIRROR_VARIABLE = "RECONCILER_DEBIAN_MIRROR"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 900
_INSTALL = ("install", "--yes", "--download-only", "--no-install-recommends")
_ALONE = ("download",)
_BETTER = ("usr-is-merged",)
"""Taken where apt has a choice and would choose what is larger: `usrmerge`, which needs all of Perl."""
WAITS = (5.0, 20.0, 60.0)
"""Seconds before each further try while the mirror is synchronised, and its files don't fit together."""
_SYNCHRONISING = re.compile(
    r"unexpected size|Mirror sync in progress|Hash Sum mismatch|is not valid yet|\.deb\s+404"
)
_SECURED = frozenset({"bookworm", "trixie"})
"""The suites that have security updates in a suite of their own; sid gets them itself."""


class PackageUnavailable(Exception):
    """The message says why, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def fetch(
    packages: Sequence[str],
    architecture: str,
    suite: str = SUITE,
    *,
    alone: bool = False,
    patient: bool = True,
) -> dict[str, bytes]:
    """Name -> .deb, of `packages` and, unless `alone`, all that they depend on, of Debian's `architecture`
    (amd64, arm64, armhf, armel). Their signature chain is checked by apt. Who is `patient` waits for a mirror
    that is being synchronised. Raises `PackageUnavailable`.
    """
    if shutil.which("apt-get") is None:
        raise PackageUnavailable("there is no apt-get on this machine", _elsewhere())
    if not _KEYRING.exists():
        raise PackageUnavailable(f"{_KEYRING} is missing", "apt-get install debian-archive-keyring")
    with tempfile.TemporaryDirectory(prefix="reconciler-apt-") as name:
        folder = Path(name)
        environment = {**os.environ, "APT_CONFIG": str(_apt_config(folder, architecture, suite))}
        wanted = [*_ALONE, *packages] if alone else [*_INSTALL, *packages, *_BETTER]
        waits = WAITS if patient else ()
        _persistently(["update"], wanted, environment=environment, folder=folder, waits=waits)
        found = {f.name.split("_")[0]: f.read_bytes() for f in folder.rglob("*.deb")}
    if missing := sorted({*packages} - {*found}):
        raise PackageUnavailable(f"apt-get brought no {', '.join(missing)} for {architecture}", _elsewhere())
    return found


def _persistently(
    *commands: list[str], environment: dict[str, str], folder: Path, waits: Sequence[float]
) -> None:
    """All of them in order, from the first one again while the mirror is being synchronised."""
    for wait in (*waits, None):
        try:
            for arguments in commands:
                _apt(arguments, environment, folder)
            return
        except PackageUnavailable as error:
            if wait is None or not _SYNCHRONISING.search(str(error)):
                raise
            sleep(wait)


def _apt_config(folder: Path, architecture: str, wanted: str) -> Path:
    """Everything that apt reads and writes in `folder`, but for proxies and such from the machine's
    apt.conf.d. Nothing is installed there, so that apt fetches what this machine has, too.
    """
    for part in ("state/lists/partial", "cache/archives/partial", "preferences.d"):
        (folder / part).mkdir(parents=True)
    (folder / "state/status").touch()
    lines = [f"deb [signed-by={_KEYRING}] {mirror} {suite} main\n" for mirror, suite in _sources(wanted)]
    (folder / "sources.list").write_text("".join(lines))
    settings = {
        "APT::Architecture": architecture,
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": folder / "preferences.d",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "root",
    }
    lines = [f'{key} "{value}";' for key, value in settings.items()]
    lines.append(f'APT::Architectures {{ "{architecture}"; }};')
    config = folder / "apt.conf"
    config.write_text("\n".join(lines) + "\n")
    return config


def _sources(suite: str) -> list[tuple[str, str]]:
    """(mirror, suite): the mirror that the variable names, else what this machine's own apt takes Debian
    from, with its security updates where it takes those.
    """
    if given := os.environ.get(MIRROR_VARIABLE):
        return [(given, suite)]
    form = ["--format", "$(LABEL) $(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    done = subprocess.run(
        ["apt-get", "indextargets", *form], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    return sources_of(done.stdout, suite)


def sources_of(targets: str, suite: str = SUITE) -> list[tuple[str, str]]:
    """From lines of label, codename and address. Whatever release the machine has, its mirror has `suite`."""
    found = [line.split(" ", 2) for line in targets.splitlines() if line.count(" ") >= 2]
    mirrors = [uri for label, _, uri in found if label == "Debian"]
    security = [
        uri for label, name, uri in found if label == "Debian-Security" and name.endswith("-security")
    ]
    if not mirrors:
        raise PackageUnavailable(
            "this machine's apt knows no Debian mirror (after `apt-get update`)", _elsewhere()
        )
    secured = security[:1] if suite in _SECURED else []
    return [(mirrors[0], suite), *((uri, f"{suite}-security") for uri in secured)]


def _apt(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    try:
        done = subprocess.run(
            ["apt-get", "-q", "-o", "APT::Default-Release=", *arguments],
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
