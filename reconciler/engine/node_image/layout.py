"""What is in the node image and where. Pure: from the tree of all packages to the files of the image.

/usr is merged as in Debian, so that /bin, /sbin and the loader's folder are links.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from reconciler.debian.deb import File
from reconciler.engine.node_image.closure import Tree, closure, licences

PACKAGES = (
    "busybox-static",
    "conntrack",
    "dnsmasq-base",
    "haproxy",
    "iproute2",
    "iptables",
    "nftables",
    "socat",
    "util-linux",
)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
FOLDERS = ("dev", "etc", "net", "node.d", "proc", "run", "sys", "tmp", "usr", "var", "var/empty")

TRIPLETS = {
    "amd64": "x86_64-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "armhf": "arm-linux-gnueabihf",
    "armel": "arm-linux-gnueabi",
}
"""Debian's architecture -> the folder of its libraries (Debian: multiarch tuples)."""

_HERE = Path(__file__).parent
_PARTS = ("links", "rules", "balance", "names", "session")
_OURS = {"sandbox": "sandbox.sh", "node": "node.sh", **{f"node.d/{name}.sh": f"{name}.sh" for name in _PARTS}}
_BUSYBOX = "usr/bin/busybox"
_PROGRAMS = (
    _BUSYBOX,
    "usr/bin/flock",  # Debian's busybox has none
    "usr/bin/ip",  # to be called by path: Debian's busybox shell prefers its own `ip`
    "usr/bin/socat",
    "usr/sbin/bridge",
    "usr/sbin/conntrack",
    "usr/sbin/dnsmasq",
    "usr/sbin/haproxy",
    "usr/sbin/nft",
    *(
        f"usr/sbin/{name}-{backend}{what}"
        for name in ("iptables", "ip6tables")
        for backend in ("nft", "legacy")
        for what in ("", "-restore", "-save")
    ),
)
_OPENED_BY_NAME = (
    "usr/lib/*/xtables/*.so",  # iptables: a match or target each
    "usr/lib/*/libgcc_s.so.1",  # glibc: without it a thread's end (haproxy) aborts the program
    "etc/iproute2/*",
    "etc/protocols",
    "etc/services",
)
_APPLETS = (
    *("[", "awk", "basename", "cat", "chmod", "chown", "cmp", "cp", "cut", "date", "dd", "diff", "dirname"),
    *("du", "echo", "env", "expr", "false", "find", "grep", "head", "hexdump", "hostname", "id", "kill"),
    *("ln", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "modprobe", "mv", "nc", "nslookup", "od", "pidof"),
    *("ping", "printf", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "setsid", "sh"),
    *(
        "sha256sum",
        "sleep",
        "sort",
        "stat",
        "stty",
        "sync",
        "sysctl",
        "tail",
        "tar",
        "tee",
        "test",
        "timeout",
    ),
    *("touch", "tr", "true", "uname", "uniq", "usleep", "wc", "wget", "which", "xargs"),
)
_ACCOUNTS = {
    "etc/passwd": """\
root:x:0:0:root:/:/bin/sh
haproxy:x:65101:65101::/var/empty:/bin/false
dnsmasq:x:65102:65102::/var/empty:/bin/false
nobody:x:65534:65534::/var/empty:/bin/false
""",
    "etc/group": "root:x:0:\nhaproxy:x:65101:\ndnsmasq:x:65102:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": """\
passwd: files
group: files
hosts: files dns
protocols: files
services: files
""",
}
"""The numbers are from a range that Debian gives to nobody (Policy 9.2.2): on the host network's node they
must not be a person's.
"""


def own_files() -> tuple[Path, ...]:
    """The scripts that the image holds."""
    return tuple(_HERE / name for name in sorted(_OURS.values()))


def files(tree: Tree, architecture: str) -> dict[str, File]:
    """Path -> file of the image. `architecture` is Debian's. Raises `Incomplete`."""
    named = [p for p in tree if any(fnmatchcase(p, pattern) for pattern in _OPENED_BY_NAME)]
    libraries = (f"usr/lib/{TRIPLETS[architecture]}", "usr/lib")
    kept = closure(tree, [*_PROGRAMS, *named], libraries)
    return {
        **{path: tree[path] for path in kept},
        **licences(tree, kept),
        **_applets(kept),
        **_roots(kept),
        **{path: File(0o644, text.encode()) for path, text in _ACCOUNTS.items()},
        **{path: File(0o755, (_HERE / name).read_bytes()) for path, name in _OURS.items()},
    }


def _applets(kept: set[str]) -> dict[str, File]:
    """A program of its own goes before busybox's."""
    paths = {f"usr/bin/{name}" for name in _APPLETS} - kept
    return {path: File(0o777, link="busybox") for path in paths}


def _roots(kept: set[str]) -> Mapping[str, File]:
    folders = ("bin", "sbin", "lib", "lib64")
    used = [folder for folder in folders if any(path.startswith(f"usr/{folder}/") for path in kept)]
    return {folder: File(0o777, link=f"usr/{folder}") for folder in used}
