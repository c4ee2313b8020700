"""Podman in dockerd's place: its packages, and the program that starts it.

Debian's Podman wants a newer libc than an older Debian has: `podman.sh` lays its packages over /usr in a
mount namespace of its own, where this machine's programs (runc, iptables) run with the newer libc as well.
"""

from __future__ import annotations

from pathlib import Path

PACKAGES = (
    "podman",
    "aardvark-dns",
    "catatonit",
    "conmon",
    "golang-github-containers-common",
    "golang-github-containers-image",
    "netavark",
)


def script() -> str:
    return Path(__file__).with_name("podman.sh").read_text()
