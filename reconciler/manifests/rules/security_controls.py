"""The controls of Kubernetes' Pod Security Standards: what each level forbids, as a table.

Source: kubernetes.io/docs/concepts/security/pod-security-standards, with the version since which a control or
a value of it holds. One thing is stricter here: in a user namespace (`hostUsers: false`) Kubernetes allows
more since 1.35, but an engine has no such setting for one pod, so nothing is allowed because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from reconciler.manifests.documents import Path
from reconciler.model.container import Container
from reconciler.model.meta import ObjectMeta
from reconciler.model.pod import PodSpec
from reconciler.model.pod_security import Level, Policy
from reconciler.model.security import AppArmorProfile, SeccompProfile, SELinuxOptions

APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP = ("seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/")
CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
SELINUX_TYPES = {
    "": 0,
    "container_t": 0,
    "container_init_t": 0,
    "container_kvm_t": 0,
    "container_engine_t": 31,
}
SYSCTLS = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
    "net.ipv4.tcp_slow_start_after_idle": 37,
    "net.ipv4.tcp_notsent_lowat": 37,
}
"""Value -> minor version of Kubernetes since which it is allowed."""
VOLUMES = ("config_map", "downward_api", "empty_dir", "projected", "secret")
"""Volume sources of ours that restricted allows."""


class Pod(NamedTuple):
    """A pod as it is to be made, and where its `spec` and `metadata` stand."""

    meta: ObjectMeta
    spec: PodSpec
    path: Path
    minor: int

    def containers(self) -> Iterator[tuple[Container, Path]]:
        groups = (("initContainers", self.spec.init_containers), ("containers", self.spec.containers))
        for field, group in groups:
            for index, container in enumerate(group):
                yield container, (*self.path, field, index)


Found = tuple[Path, str]
"""The field, and what it must be."""


class Control(NamedTuple):
    name: str
    level: Level
    since: int
    check: Callable[[Pod], Iterator[Found]]


def violations(meta: ObjectMeta, spec: PodSpec, path: Path, policy: Policy) -> dict[Path, tuple[str, str]]:
    """Field -> the control that forbids it and what it must be; each field once, by the stricter control."""
    pod = Pod(meta, spec, path, policy.minor)
    held = ("baseline", "restricted")[: ("privileged", "baseline", "restricted").index(policy.level)]
    found: dict[Path, tuple[str, str]] = {}
    for control in CONTROLS:
        if control.level in held and control.since <= policy.minor:
            found |= {where: (control.name, must) for where, must in control.check(pod)}
    return found


def _host_namespaces(pod: Pod) -> Iterator[Found]:
    for field, given in (
        ("hostNetwork", pod.spec.host_network),
        ("hostPID", pod.spec.host_pid),
        ("hostIPC", pod.spec.host_ipc),
    ):
        if given:
            yield (*pod.path, field), "must be false"


def _privileged(pod: Pod) -> Iterator[Found]:
    for container, at in pod.containers():
        if container.security_context.privileged:
            yield (*at, "securityContext", "privileged"), "must be false"


def _capabilities(pod: Pod) -> Iterator[Found]:
    yield from _added(pod, CAPABILITIES)


def _added(pod: Pod, allowed: frozenset[str]) -> Iterator[Found]:
    for container, at in pod.containers():
        for index, name in enumerate(container.security_context.capabilities.add):
            if name not in allowed:  # as it is written: cap_chown is refused, too
                must = f"must be one of {', '.join(sorted(allowed))}"
                yield (*at, "securityContext", "capabilities", "add", index), must


def _host_paths(pod: Pod) -> Iterator[Found]:
    for index, volume in enumerate(pod.spec.volumes):
        if volume.host_path is not None:
            yield (*pod.path, "volumes", index, "hostPath"), "must not be there"


def _host_ports(pod: Pod) -> Iterator[Found]:
    for container, at in pod.containers():
        for index, port in enumerate(container.ports):
            if port.host_port:
                yield (*at, "ports", index, "hostPort"), "must not be there"


def _probe_hosts(pod: Pod) -> Iterator[Found]:
    for container, at in pod.containers():
        handlers = (
            (("livenessProbe",), container.liveness_probe),
            (("readinessProbe",), container.readiness_probe),
            (("startupProbe",), container.startup_probe),
            (("lifecycle", "postStart"), container.lifecycle.post_start),
            (("lifecycle", "preStop"), container.lifecycle.pre_stop),
        )
        for where, handler in handlers:
            if handler and handler.http_get and handler.http_get.host:
                yield (*at, *where, "httpGet", "host"), "must not be there"
            if handler and handler.tcp_socket and handler.tcp_socket.host:
                yield (*at, *where, "tcpSocket", "host"), "must not be there"


def _app_armor(pod: Pod) -> Iterator[Found]:
    for profile, at in _of_contexts(pod, "app_armor_profile"):
        if isinstance(profile, AppArmorProfile) and profile.type == "Unconfined":
            yield (*at, "appArmorProfile", "type"), "must be RuntimeDefault or Localhost"
    yield from _annotated(pod, (APP_ARMOR,), ("", "runtime/default"))


def _annotated(pod: Pod, prefixes: tuple[str, ...], allowed: tuple[str, ...]) -> Iterator[Found]:
    """Profiles were annotations before there were fields; `localhost/...` names one of the node's."""
    for name, value in pod.meta.annotations.items():
        if name.startswith(prefixes) and value not in allowed and not value.startswith("localhost/"):
            at = (*pod.path[:-1], "metadata", "annotations", name)
            yield at, f"must be {' or '.join(one for one in allowed if one)} or localhost/..."


def _selinux(pod: Pod) -> Iterator[Found]:
    for options, at in _of_contexts(pod, "se_linux_options"):
        if not isinstance(options, SELinuxOptions):
            continue
        if SELINUX_TYPES.get(options.type, pod.minor + 1) > pod.minor:
            allowed = ", ".join(sorted(name for name in SELINUX_TYPES if name))
            yield (*at, "seLinuxOptions", "type"), f"must be one of {allowed}"
        for field in ("user", "role"):
            if getattr(options, field):
                yield (*at, "seLinuxOptions", field), "must not be there"


def _proc_mount(pod: Pod) -> Iterator[Found]:
    for container, at in pod.containers():
        if container.security_context.proc_mount != "Default":
            yield (*at, "securityContext", "procMount"), "must be Default"


def _seccomp(pod: Pod) -> Iterator[Found]:
    if pod.minor < 19:
        yield from _annotated(pod, SECCOMP, ("", "runtime/default", "docker/default"))
    for profile, at in _of_contexts(pod, "seccomp_profile"):
        if isinstance(profile, SeccompProfile) and profile.type == "Unconfined":
            yield (*at, "seccompProfile", "type"), "must be RuntimeDefault or Localhost"


def _sysctls(pod: Pod) -> Iterator[Found]:
    for index, sysctl in enumerate(pod.spec.security_context.sysctls):
        if SYSCTLS.get(sysctl.name, pod.minor + 1) > pod.minor:
            allowed = ", ".join(sorted(name for name, since in SYSCTLS.items() if since <= pod.minor))
            yield (*pod.path, "securityContext", "sysctls", index, "name"), f"must be one of {allowed}"


def _of_contexts(pod: Pod, field: str) -> Iterator[tuple[object, Path]]:
    """One field of the pod's and of each container's securityContext."""
    yield getattr(pod.spec.security_context, field), (*pod.path, "securityContext")
    for container, at in pod.containers():
        yield getattr(container.security_context, field), (*at, "securityContext")


def _volume_types(pod: Pod) -> Iterator[Found]:
    for index, volume in enumerate(pod.spec.volumes):
        for field, name in zip(volume.__struct_fields__, volume.__struct_encode_fields__, strict=True):
            if field not in ("name", *VOLUMES) and getattr(volume, field) is not None:
                must = "must be a configMap, downwardAPI, emptyDir, projected or secret"
                yield (*pod.path, "volumes", index, name), must


def _escalation(pod: Pod) -> Iterator[Found]:
    for container, at in pod.containers():
        if container.security_context.allow_privilege_escalation is not False:
            yield (*at, "securityContext", "allowPrivilegeEscalation"), "must be false"


def _non_root(pod: Pod) -> Iterator[Found]:
    of_pod = pod.spec.security_context.run_as_non_root
    if of_pod is False:
        yield (*pod.path, "securityContext", "runAsNonRoot"), "must be true"
    for container, at in pod.containers():
        own = container.security_context.run_as_non_root
        if not (own or (own is None and of_pod)):
            yield (*at, "securityContext", "runAsNonRoot"), "must be true, here or of the pod"


def _not_user_0(pod: Pod) -> Iterator[Found]:
    for user, at in _of_contexts(pod, "run_as_user"):
        if user == 0:
            yield (*at, "runAsUser"), "must not be 0"


def _seccomp_set(pod: Pod) -> Iterator[Found]:
    yield from _seccomp(pod)
    if pod.spec.security_context.seccomp_profile is None:
        for container, at in pod.containers():
            if container.security_context.seccomp_profile is None:
                must = "must be RuntimeDefault or Localhost, here or of the pod"
                yield (*at, "securityContext", "seccompProfile", "type"), must


def _capabilities_dropped(pod: Pod) -> Iterator[Found]:
    yield from _added(pod, frozenset({"NET_BIND_SERVICE"}))
    for container, at in pod.containers():
        if "ALL" not in container.security_context.capabilities.drop:
            yield (*at, "securityContext", "capabilities", "drop"), "must have ALL"


CONTROLS = (
    Control("Host Namespaces", "baseline", 0, _host_namespaces),
    Control("Privileged Containers", "baseline", 0, _privileged),
    Control("Capabilities", "baseline", 0, _capabilities),
    Control("HostPath Volumes", "baseline", 0, _host_paths),
    Control("Host Ports", "baseline", 0, _host_ports),
    Control("Host Probes / Lifecycle Hooks", "baseline", 34, _probe_hosts),
    Control("AppArmor", "baseline", 0, _app_armor),
    Control("SELinux", "baseline", 0, _selinux),
    Control("/proc Mount Type", "baseline", 0, _proc_mount),
    Control("Seccomp", "baseline", 0, _seccomp),
    Control("Sysctls", "baseline", 0, _sysctls),
    Control("Volume Types", "restricted", 0, _volume_types),
    Control("Privilege Escalation", "restricted", 8, _escalation),
    Control("Running as Non-root", "restricted", 0, _non_root),
    Control("Running as Non-root user", "restricted", 23, _not_user_0),
    Control("Seccomp", "restricted", 19, _seccomp_set),
    Control("Capabilities", "restricted", 22, _capabilities_dropped),
)
"""In the order of the documentation. HostProcess is about Windows, whose fields are errors anyway."""
