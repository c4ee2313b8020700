"""What a pod asks of a node."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.base import Value
from reconciler.model.container import Container
from reconciler.model.pod import PodSpec
from reconciler.model.quantity import millicores, whole

COMMON = ("cpu", "memory")


class HostPort(Value):
    """`ip` empty or 0.0.0.0 means every address of the node."""

    port: int
    protocol: str
    ip: str

    def clashes(self, other: HostPort) -> bool:
        same = self.port == other.port and self.protocol == other.protocol
        return same and (self.ip == other.ip or "" in (self.ip, other.ip))


class Requests(Value):
    """CPU in millicores, memory in bytes, `extended` counts (`nvidia.com/gpu`), host ports."""

    cpu: int = 0
    memory: int = 0
    extended: dict[str, int] = {}
    ports: tuple[HostPort, ...] = ()


def requests_of(spec: PodSpec) -> Requests:
    """The larger of: main containers and sidecars together; any init container with the sidecars before it.

    A missing request is the limit (Kubernetes: defaulting of resources; effective init requests).
    """
    names = sorted({n for c in spec.every_container() for n in _names(c)})
    amounts = {name: _effective(spec, name) for name in names}
    extended = {n: a for n, a in amounts.items() if n not in COMMON and a}
    return Requests(
        cpu=amounts.get("cpu", 0),
        memory=amounts.get("memory", 0),
        extended=extended,
        ports=tuple(_host_ports(spec)),
    )


def _names(container: Container) -> Iterable[str]:
    return container.resources.requests.keys() | container.resources.limits.keys()


def _effective(spec: PodSpec, name: str) -> int:
    peak = sidecars = 0
    for init in spec.init_containers:
        amount = _amount(init, name)
        if init.restart_policy == "Always":
            sidecars += amount
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + amount)
    return max(peak, sidecars + sum(_amount(c, name) for c in spec.containers))


def _amount(container: Container, name: str) -> int:
    asked = container.resources.requests.get(name, container.resources.limits.get(name, 0))
    return millicores(asked) if name == "cpu" else whole(asked)


def _host_ports(spec: PodSpec) -> Iterable[HostPort]:
    for container in spec.every_container():
        for port in container.ports:
            number = port.container_port if spec.host_network else port.host_port
            if number:
                ip = "" if port.host_ip == "0.0.0.0" else port.host_ip
                yield HostPort(port=number, protocol=port.protocol, ip=ip)
