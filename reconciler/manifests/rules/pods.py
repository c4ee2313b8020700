"""Rules about a pod as a whole: its names, its volumes as declared, its hosts, its place."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import containers, forms, metadata, placement, security, volumes
from reconciler.manifests.said import Said
from reconciler.model.pod import PodDNSConfig, PodSpec


def check(spec: PodSpec, path: Path) -> Iterator[Said]:
    """Everything about one pod spec."""
    yield from metadata.notes(spec, path)
    yield from metadata.notes(spec.security_context, (*path, "securityContext"))
    yield from _names(spec, path)
    yield from volumes.check(spec.volumes, (*path, "volumes"))
    yield from security.profiles(spec.security_context, (*path, "securityContext"))
    yield from security.sysctls(spec.security_context, (*path, "securityContext"))
    in_memory = frozenset(v.name for v in spec.volumes if v.empty_dir and v.empty_dir.medium == "Memory")
    host_paths = frozenset(v.name for v in spec.volumes if v.host_path)
    declared = frozenset(volume.name for volume in spec.volumes)
    for field, group in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(group):
            at = (*path, field, index)
            yield from containers.check(container, at, spec, declared, init=field == "initContainers")
            yield from security.check(container, spec, at)
            yield from containers.whole_mounts(container, at, in_memory)
            yield from containers.propagated(container, at, host_paths)
    yield from _host_ports(spec, path)
    yield from _hosts(spec, path)
    yield from placement.check(spec, path)


def _names(spec: PodSpec, path: Path) -> Iterator[Said]:
    seen: set[str] = set()
    for field, group in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(group):
            if container.name in seen:
                yield duplicate((*path, field, index, "name"), "container", container.name)
            seen.add(container.name)


def duplicate(path: Path, what: str, name: str) -> Said:
    return Said(path, f'a second {what} is called "{name}"', "give each its own name", rule="duplicate")


def _host_ports(spec: PodSpec, path: Path) -> Iterator[Said]:
    """Two containers of one pod can't hold the same port of the node."""
    seen: dict[tuple[int, str, str], str] = {}
    for index, container in enumerate(spec.containers):
        for number, port in enumerate(container.ports):
            held = port.host_port or (port.container_port if spec.host_network else 0)
            if not held:
                continue
            at = (*path, "containers", index, "ports", number)
            if spec.host_network and port.host_port not in (0, port.container_port):
                yield Said(
                    (*at, "hostPort"),
                    f"expected {port.container_port} as containerPort, found {port.host_port}",
                    "with hostNetwork the two are one port; leave hostPort out",
                    rule="port",
                )
            key = (held, port.protocol, port.host_ip)
            if key in seen:
                message = f"port {held}/{port.protocol} of the node is taken by container {seen[key]}"
                yield Said((*at, "hostPort"), message, "use another port", rule="port")
            seen.setdefault(key, container.name)


def _hosts(spec: PodSpec, path: Path) -> Iterator[Said]:
    for index, alias in enumerate(spec.host_aliases):
        yield from forms.address(alias.ip, (*path, "hostAliases", index, "ip"))
        for number, name in enumerate(alias.hostnames):
            yield from forms.dns_name(name, (*path, "hostAliases", index, "hostnames", number))
    if spec.dns_config:
        yield from _dns_config(spec.dns_config, (*path, "dnsConfig"))
    if spec.dns_policy == "None" and not (spec.dns_config and spec.dns_config.nameservers):
        message = "None needs nameservers of its own"
        yield Said((*path, "dnsPolicy"), message, "add dnsConfig.nameservers", rule="dns")
    yield from _name_servers(spec, path)
    if spec.os and spec.os.name != "linux":
        yield Said((*path, "os", "name"), "expected linux, found windows", "nodes run Linux", rule="os")
    if spec.host_pid and spec.share_process_namespace:
        message = "can't be combined with hostPID"
        yield Said((*path, "shareProcessNamespace"), message, "remove one of the two", rule="namespaces")


def _name_servers(spec: PodSpec, path: Path) -> Iterator[Said]:
    """What Docker makes of dnsConfig beside the node's own settings: it replaces a list, or leaves it.

    Kubernetes: on the host's network ClusterFirst means Default.
    """
    own = spec.dns_policy == "Default" or (spec.dns_policy == "ClusterFirst" and spec.host_network)
    if own and spec.dns_config:
        for field, given in (
            ("nameservers", spec.dns_config.nameservers),
            ("searches", spec.dns_config.searches),
        ):
            if given:
                why = "take the place of the node's own instead of being added to them"
                yield Said((*path, "dnsConfig", field), why, severity="note", rule="dns")


def _dns_config(config: PodDNSConfig, path: Path) -> Iterator[Said]:
    for index, server in enumerate(config.nameservers):
        yield from forms.address(server, (*path, "nameservers", index))
    for index, domain in enumerate(config.searches):
        yield from forms.search(domain, (*path, "searches", index))
    for index, option in enumerate(config.options):
        yield from forms.resolver_option(option.name, option.value, (*path, "options", index))
    together = len(" ".join(config.searches))
    for field, found, most in (
        ("nameservers", len(config.nameservers), forms.NAME_SERVERS),
        ("searches", len(config.searches), forms.SEARCHES),
        ("searches", together, forms.SEARCH_CHARACTERS),
    ):
        if found > most:
            what = "characters" if most == forms.SEARCH_CHARACTERS else "of them"
            message = f"expected at most {most} {what}, found {found}"
            yield Said((*path, field), message, "remove some", rule="dns")
