"""What the doctor looks at once it is in: one function a check. Each only asks, none changes anything."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from reconciler.engine.connection.answers import Info
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.facts import (
    ARCHITECTURES,
    disk_free,
    missing_limits,
    read_facts,
    read_info,
)
from reconciler.engine.connection.link import Stream
from reconciler.engine.connection.ssh import SshLink
from reconciler.engine.fitness import engine_settings
from reconciler.engine.fitness.report import Check, Status
from reconciler.engine.fitness.shell import shell
from reconciler.errors import NodeUnreachable
from reconciler.model.quantity import human_bytes

TIMEOUT = 10.0
SESSIONS_WANTED = 9
"""Exec probes and files go through the socket; sessions are for `run` and where it can't be forwarded."""
LEAST_MEMORY, LEAST_DISK = 128 * 2**20, 2 * 2**30
"""Below this an image or two fills the node up."""
WORST_SKEW = 5.0
"""Seconds. Beyond, ages and timestamps mislead, and certificates may not be valid yet."""

_DISCARDED_PORT = 9


def docker(engine: Engine) -> Check:
    version = engine.call("GET", "/version", timeout=TIMEOUT)
    name = "Podman" if engine_settings.is_podman(version) else "Docker"
    return _check("docker", "ok", f"{name} {version['Version']}, API {engine.api_version}")


def forwarding(engine: Engine) -> Check:
    """Whether sshd forwards the Docker socket, or each connection costs a process on the node."""
    if not isinstance(engine.link, SshLink) or engine.link.forwards:
        return _check("socket", "ok", "sshd forwards the Docker socket")
    return _check(
        "socket",
        "warn",
        "sshd refuses to forward the Docker socket; `docker system dial-stdio` is used, which is slower",
        "in the node's sshd_config: `AllowStreamLocalForwarding local`",
    )


def tcp_forwarding(engine: Engine) -> Check:
    """Whether probes can reach pods: any answer, also a refusal by the port, is a yes."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        engine.dial("127.0.0.1", _DISCARDED_PORT, TIMEOUT).close()
    return _check("probes", "ok", "sshd opens connections to pods (AllowTcpForwarding)")


def sessions(engine: Engine) -> Check:
    """How many sessions sshd allows at a time."""
    link = engine.link
    count = _count_sessions(link) if isinstance(link, SshLink) else SESSIONS_WANTED
    if count >= SESSIONS_WANTED:
        return _check("sessions", "ok", f"at least {count} sessions at a time")
    few = isinstance(link, SshLink) and not link.forwards
    status: Status = "fail" if few and count < 4 else "warn"
    return _check(
        "sessions",
        status,
        f"only {count} sessions at a time",
        "in the node's sshd_config: `MaxSessions 10` or more (10 is the default)",
    )


def _count_sessions(link: SshLink) -> int:
    held: list[Stream] = []
    try:
        for _ in range(SESSIONS_WANTED):
            held.append(link.session(TIMEOUT))
    except NodeUnreachable:
        pass
    finally:
        for stream in held:
            stream.close()
    return len(held)


def machine(engine: Engine) -> Check:
    facts = read_facts(engine)
    cores = f"{facts.cpu_milli // 1000} CPUs, {human_bytes(facts.memory)} memory"
    kind = f"{facts.os}/{facts.architecture}{'/' + facts.variant if facts.variant else ''}"
    text = f"{facts.hostname}: {kind}, {facts.os_image}, kernel {facts.kernel}, {cores}"
    known = facts.architecture in {name for name, _ in ARCHITECTURES.values()}
    remedy = "" if known else "images for this architecture are rare"
    return _check("machine", "ok" if known else "warn", text, remedy)


def memory(engine: Engine) -> Check:
    code, output = engine.run("cat /proc/meminfo", TIMEOUT)
    words = dict(line.split(":", 1) for line in output.decode(errors="replace").splitlines() if ":" in line)
    if code != 0 or "MemAvailable" not in words:
        return _check("memory", "warn", "the node's shell can't tell how much memory is free")
    free = int(words["MemAvailable"].split()[0]) * 1024
    low = free < LEAST_MEMORY
    remedy = "stop something on the node, or give it fewer pods" if low else ""
    return _check("memory", "warn" if low else "ok", f"{human_bytes(free)} free", remedy)


def disk(engine: Engine) -> Check:
    root = _info(engine).get("DockerRootDir", "/var/lib/docker")
    free = disk_free(engine, root)
    if free is None:
        return _check("disk", "warn", f"the node's shell can't tell how much is free in {root}")
    low = free < LEAST_DISK
    remedy = "on the node: `docker system prune`, or a larger disk" if low else ""
    return _check("disk", "warn" if low else "ok", f"{human_bytes(free)} free in {root}", remedy)


def clock(engine: Engine) -> Check:
    off = read_facts(engine).clock_skew
    if abs(off) <= WORST_SKEW:
        return _check("clock", "ok", "in step with this machine" if off == 0 else f"{off:+.1f} s off")
    return _check(
        "clock", "warn", f"{off:+.1f} s off this machine's", "on the node: `timedatectl set-ntp true`"
    )


def limits(engine: Engine) -> Check:
    info = _info(engine)
    missing = [*missing_limits(info), *(info.get("Warnings") or ())]
    if not missing:
        return _check("limits", "ok", f"cgroup v{info.get('CgroupVersion', '1')}, every limit can be set")
    return _check(
        "limits",
        "warn",
        "; ".join(missing),
        "on a Raspberry Pi: append `cgroup_enable=memory cgroup_memory=1` to the kernel's command line",
    )


OVER_SSH: Mapping[str, Callable[[Engine], Check]] = {
    "socket": forwarding,
    "probes": tcp_forwarding,
    "sessions": sessions,
    "shell": shell,
}
EVERYWHERE: Mapping[str, Callable[[Engine], Check]] = {
    "machine": machine,
    "memory": memory,
    "disk": disk,
    "clock": clock,
    "limits": limits,
    **engine_settings.EVERYWHERE,
}


def _info(engine: Engine) -> Info:
    return read_info(engine, TIMEOUT)


def _check(name: str, status: Status, found: str, remedy: str = "") -> Check:
    return Check(name=name, status=status, found=found, remedy=remedy)
