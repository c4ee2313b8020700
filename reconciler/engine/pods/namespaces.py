"""Who owns a pod's network, IPC, PID and UTS namespaces, and what hangs on them: IP, ports, names. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.engine.pods.dns import docker_dns
from reconciler.engine.pods.downward import Place
from reconciler.model.observed import PodRecord
from reconciler.model.pod import PodSpec

_LONGEST_HOSTNAME = 63


def own_namespaces(record: PodRecord, place: Place, *, shared: bool) -> dict[str, Any]:
    """Fields of the sandbox (`shared`) or of a pod's only container."""
    spec = record.spec
    host: dict[str, Any] = {
        "NetworkMode": "host" if spec.host_network else place.network,
        "IpcMode": "host" if spec.host_ipc else "shareable" if shared else "private",
        "PidMode": "host" if spec.host_pid else "",
        **users(spec),
        "ExtraHosts": [f"{name}:{alias.ip}" for alias in spec.host_aliases for name in alias.hostnames],
        "Sysctls": {s.name: s.value for s in spec.security_context.sysctls},
        **docker_dns(record, place),
    }
    if spec.host_network:
        return {"HostConfig": host}
    exposed, bindings = _ports(spec)
    host["PortBindings"] = bindings
    return {
        "HostConfig": host,
        "ExposedPorts": exposed,
        **_names(record, place),
        "NetworkingConfig": {
            "EndpointsConfig": {
                place.network: {"IPAMConfig": {"IPv4Address": record.ip}} if record.ip else {}
            }
        },
    }


def joined(record: PodRecord, sandbox: str) -> dict[str, Any]:
    """Fields of a container beside a sandbox, which is named `sandbox` on the node."""
    spec = record.spec
    there = f"container:{sandbox}"
    pid = "host" if spec.host_pid else there if spec.share_process_namespace else ""
    return {
        "HostConfig": {
            "NetworkMode": there,
            "IpcMode": "host" if spec.host_ipc else there,
            "PidMode": pid,
            **users(spec),
        }
    }


def users(spec: PodSpec) -> dict[str, str]:
    """For an engine with userns-remap, which refuses these namespaces and privileges to users that it maps.
    All containers of a pod have the same users: they share volumes, and those that share a network must.
    """
    return {"UsernsMode": "host"} if has_host_users(spec) else {}


def has_host_users(spec: PodSpec) -> bool:
    """Whether the users of the pod's programs are the node's own, whatever the engine does by default."""
    privileged = any(c.security_context.privileged for c in spec.every_container())
    return spec.host_network or spec.host_pid or privileged


def _names(record: PodRecord, place: Place) -> dict[str, str]:
    """Kubernetes: the hostname is the pod's name unless it says otherwise; a subdomain makes it an FQDN."""
    spec = record.spec
    hostname = (spec.hostname or record.name)[:_LONGEST_HOSTNAME].rstrip("-.")
    if not spec.subdomain:
        return {"Hostname": hostname}
    domain = f"{spec.subdomain}.{record.namespace}.svc.{place.domain}"
    if spec.set_hostname_as_fqdn:
        return {"Hostname": f"{hostname}.{domain}"}
    return {"Hostname": hostname, "Domainname": domain}


def _ports(spec: PodSpec) -> tuple[dict[str, dict[str, str]], dict[str, list[dict[str, str]]]]:
    """ExposedPorts and PortBindings. Only a hostPort opens one on the node."""
    exposed: dict[str, dict[str, str]] = {}
    bindings: dict[str, list[dict[str, str]]] = {}
    for container in spec.every_container():
        for port in container.ports:
            name = f"{port.container_port}/{port.protocol.lower()}"
            exposed[name] = {}
            if port.host_port:
                bindings.setdefault(name, []).append(
                    {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
                )
    return exposed, bindings
