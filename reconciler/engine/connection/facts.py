"""What a node says of itself, in Kubernetes' words."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from reconciler.engine.connection.answers import Info
from reconciler.engine.connection.client import CALL_TIMEOUT, Engine
from reconciler.model.names import IPV4
from reconciler.model.observed import NodeFacts

_IPV4 = re.compile(IPV4)

ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "arm64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}
"""`uname -m` -> (GOARCH, variant), as image platforms name them."""

LIMITS = {
    "MemoryLimit": "memory limits",
    "CpuCfsQuota": "CPU limits",
    "CPUShares": "CPU requests",
    "PidsLimit": "limits of processes",
}
"""What `GET /info` says of the kernel -> what doesn't work without it."""

_LINKS = "ip -4 -o route get 192.0.2.1 2>/dev/null; ip -4 -o addr && ip -o link"
"""192.0.2.1 is nobody's (RFC 5737): which source address does the node use towards the outside?"""
_INSIDE = re.compile(r"lo$|docker|br-|veth|reconciler|virbr|cni|flannel|kube")
"""Links that lead to no other machine."""

DISK_NOISE = 256 * 1024**2
CLOCK_NOISE = 0.25
_LARGEST_DISK = 2**62


def read_facts(engine: Engine, clock: Callable[[], float] = time.time) -> NodeFacts:
    """One call. `disk_free` stays None: `read_disk_free` asks for it, which takes a shell on the node."""
    before = clock()
    info = read_info(engine)
    after = clock()
    machine = info.get("Architecture", "")
    architecture, variant = ARCHITECTURES.get(machine, (machine, ""))
    return NodeFacts(
        architecture=architecture,
        variant=variant,
        os=info.get("OSType", "linux"),
        hostname=info.get("Name", ""),
        kernel=info.get("KernelVersion", ""),
        os_image=info.get("OperatingSystem", ""),
        docker_version=info.get("ServerVersion", ""),
        api_version=engine.api_version,
        cpu_milli=1000 * info.get("NCPU", 0),
        memory=info.get("MemTotal", 0),
        clock_skew=skew(info.get("SystemTime", ""), before, after),
        cgroup_version=info.get("CgroupVersion", ""),
        log_driver=info.get("LoggingDriver", ""),
        warnings=(*missing_limits(info), *(info.get("Warnings") or ())),
    )


def read_info(engine: Engine, timeout: float = CALL_TIMEOUT) -> Info:
    return engine.ask(Info, "GET", "/info", timeout=timeout)


def missing_limits(info: Info) -> tuple[str, ...]:
    """One sentence for each limit that this node's kernel can't set."""
    return tuple(f"the kernel doesn't offer {what}" for key, what in LIMITS.items() if info.get(key) is False)


def skew(system_time: str, before: float, after: float) -> float:
    """How far the node's clock is ahead, in seconds; 0 within the time that the question took."""
    try:
        theirs = datetime.fromisoformat(system_time)
        stamp = theirs.timestamp()
    except (ValueError, OverflowError):
        return 0.0
    if before <= stamp <= after:
        return 0.0
    return round(stamp - (before if stamp < before else after), 3)


class Links(NamedTuple):
    """A node's links to the outside: see `NodeFacts`."""

    internal_ip: str = ""
    addresses: tuple[str, ...] = ()
    mtu: int = 0


def read_links(engine: Engine) -> Links:
    """Asks the node's shell; empty where it can't tell."""
    code, output = engine.run(_LINKS, 20.0)
    return links(output.decode(errors="replace")) if code == 0 else Links()


def links(output: str) -> Links:
    """From what `ip -4 -o route get`, `ip -4 -o addr` and `ip -o link` wrote."""
    source = re.search(r"\bsrc ([0-9.]+)", output)
    found = re.findall(r"^\d+: (\S+)\s+inet ([0-9.]+)", output, re.M)
    outside = {ip: dev for dev, ip in found if not _INSIDE.match(dev) and _IPV4.match(ip)}
    internal = source[1] if source and source[1] in outside else next(iter(outside), "")
    mtus = dict(re.findall(r"^\d+: ([^:@\s]+)[^:]*: <.*? mtu ([0-9]{1,9})\b", output, re.M))
    mtu = int(mtus.get(outside.get(internal, ""), 0))
    return Links(internal, tuple(sorted(outside)), mtu)


def read_disk_free(engine: Engine) -> int | None:
    """Bytes free where Docker keeps its data; None when the node's shell can't tell."""
    return disk_free(engine, read_info(engine).get("DockerRootDir", "/var/lib/docker"))


def disk_free(engine: Engine, root: str) -> int | None:
    """Bytes free below `root`; its parent will do where this user may not look inside."""
    found = disk(engine, root)
    return found[0] if found is not None else None


def read_disk(engine: Engine) -> tuple[int, int] | None:
    """As `disk`, where Docker keeps its data."""
    return disk(engine, read_info(engine).get("DockerRootDir", "/var/lib/docker"))


def disk(engine: Engine, root: str) -> tuple[int, int] | None:
    """Bytes free and bytes in all of the disk below `root`; None when the node's shell can't tell, or
    says what can't be. Below what is kept for root, `df` tells of less than nothing: that is nothing.
    """
    code, output = engine.run(f"df -Pk {shlex.quote(root)} 2>/dev/null || df -Pk /var/lib", 20.0)
    lines = output.decode(errors="replace").splitlines()
    try:
        _, size, _, free, *_ = lines[-1].split()
        found = max(0, int(free)) * 1024, int(size) * 1024
    except (IndexError, ValueError):
        return None
    return found if code == 0 and found[0] <= found[1] <= _LARGEST_DISK else None


def steady(old: NodeFacts, fresh: NodeFacts) -> NodeFacts:
    """`fresh`, but `old` where only noise differs: a change of state costs the fleet a pass."""
    disk, clock_skew = fresh.disk_free, fresh.clock_skew
    noise = DISK_NOISE if fresh.disk_size is None else min(DISK_NOISE, fresh.disk_size // 100)
    if disk is not None and old.disk_free is not None and abs(disk - old.disk_free) < noise:
        disk = old.disk_free
    if abs(clock_skew - old.clock_skew) < CLOCK_NOISE:
        clock_skew = old.clock_skew
    return msgspec.structs.replace(fresh, disk_free=disk, clock_skew=clock_skew)
