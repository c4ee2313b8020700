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
    amounts: dict[str, int] = {}
    for container in spec.containers:
        _add(amounts, container)
    if spec.init_containers:
        amounts = _with_init(spec, amounts)
    return Requests(
        cpu=amounts.get("cpu", 0),
        memory=amounts.get("memory", 0),
        extended={n: a for n, a in sorted(amounts.items()) if n not in COMMON and a},
        ports=tuple(_host_ports(spec)),
    )


def _add(amounts: dict[str, int], container: Container) -> None:
    asked = container.resources
    for name, quantity in (asked.limits | asked.requests).items():
        amount = millicores(quantity) if name == "cpu" else whole(quantity)
        amounts[name] = amounts.get(name, 0) + amount


def _with_init(spec: PodSpec, main: dict[str, int]) -> dict[str, int]:
    peak: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    for init in spec.init_containers:
        alone = dict(sidecars)
        _add(alone, init)
        if init.restart_policy == "Always":
            sidecars = alone
        peak = _most(peak, alone)
    together = {n: main.get(n, 0) + sidecars.get(n, 0) for n in main.keys() | sidecars.keys()}
    return _most(peak, together)


def _most(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {n: max(one.get(n, 0), other.get(n, 0)) for n in one.keys() | other.keys()}


def _host_ports(spec: PodSpec) -> Iterable[HostPort]:
    for container in spec.every_container():
        for port in container.ports:
            number = port.container_port if spec.host_network else port.host_port
            if number:
                ip = "" if port.host_ip == "0.0.0.0" else port.host_ip
                yield HostPort(port=number, protocol=port.protocol, ip=ip)
