"""Brings a lab up and does what the installation of a package with a user does: renames a new /etc/passwd
over the old one. Then it logs in to a node as `pi`, and prints what `whoami` says there.

`unshare --mount python replacing.py ETC DIRECTORY`: its /etc is a copy, made in the empty folder ETC.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from reconciler.lab import Lab


def main(etc: Path, directory: Path) -> None:
    subprocess.run(["cp", "-a", "/etc/.", str(etc)], check=True, timeout=60)
    subprocess.run(["mount", "--bind", str(etc), "/etc"], check=True, timeout=60)
    lab = Lab.up("replacing", 1, directory)
    try:
        for name in ("passwd", "group", "shadow"):
            shutil.copy2(f"/etc/{name}", f"/etc/{name}.new")
            Path(f"/etc/{name}.new").replace(f"/etc/{name}")
        options = ["-F", "none", "-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "BatchMode=yes"]
        login = ["ssh", *options, "-i", str(lab.identity), f"pi@{lab.nodes[0].ip}", "whoami"]
        subprocess.run(login, check=True, timeout=60)
    finally:
        lab.down()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
