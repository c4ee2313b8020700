"""What the fleet's data planes were told last: the memory that addresses and adoptions rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.decide.survey import Survey
from reconciler.model.meta import Key
from reconciler.model.traffic import Endpoint, EndpointState, Name, NodeTraffic, RoutedPort, RoutedService

Service = tuple[str, str]
"""Namespace and name."""
Place = tuple[str, str, str]
"""An endpoint: namespace, name, address."""
Table = Mapping[Service, RoutedService]


class Published:
    """`tables` may come from an earlier pass: a node's services by name, with the tuple they were made of."""

    def __init__(self, survey: Survey, tables: Mapping[str, tuple[tuple[RoutedService, ...], Table]]) -> None:
        self.traffic: dict[str, NodeTraffic] = {
            name: view.state.traffic for name, view in survey.views.items() if view.state.traffic is not None
        }
        self.tables: dict[str, tuple[tuple[RoutedService, ...], Table]] = {}
        made: dict[int, Table] = {}
        for name, traffic in self.traffic.items():
            before = tables.get(name)
            if before is not None and before[0] is traffic.services:
                made.setdefault(id(traffic.services), before[1])
            if id(traffic.services) not in made:
                made[id(traffic.services)] = {(s.namespace, s.name): s for s in traffic.services}
            self.tables[name] = traffic.services, made[id(traffic.services)]
        self._asked = [name for name in self.tables if survey.views[name].status == "ready"]
        self._states: dict[Place, EndpointState] | None = None
        self._listed: set[tuple[str, str, str, str]] | None = None
        self._ranked: list[str] | None = None

    def every_table(self) -> list[Table]:
        """Each once, the one that most nodes have first, then by the nodes' names."""
        return [self.tables[name][1] for name in self._nodes()]

    def service(self, namespace: str, name: str) -> RoutedService | None:
        """As the first in rank has it."""
        found = (table.get((namespace, name)) for table in self.every_table())
        return next((service for service in found if service is not None), None)

    def everywhere(self, namespace: str, name: str) -> list[RoutedService]:
        """As every node has it: first those that can be asked, for others may have been told long ago."""
        tables = {id(t): t for t in (self.tables[n][1] for n in dict.fromkeys([*self._asked, *self.tables]))}
        found = (table.get((namespace, name)) for table in tables.values())
        return [service for service in found if service is not None]

    def endpoints(self, namespace: str, name: str, port: RoutedPort) -> list[Endpoint]:
        """Behind this port as the first in rank has it, as far as most others have it, too."""
        by_node: dict[str, tuple[Endpoint, ...]] = {}
        for node, (_, table) in self.tables.items():
            ports = found.ports if (found := table.get((namespace, name))) is not None else ()
            same = (p for p in ports if (p.port, p.protocol) == (port.port, port.protocol))
            by_node[node] = next((p.endpoints for p in same), ())
        places = [{(e.name, e.ip, e.node) for e in ends} for ends in by_node.values()]
        first = next((by_node[node] for node in self._nodes() if by_node[node]), ())
        return [e for e in first if self.most((e.name, e.ip, e.node) in told for told in places)]

    def most(self, told: Iterable[object]) -> bool:
        """At least half of the nodes say so: `told` has something true for each that does. What one says
        alone, who is root there may have written.
        """
        said = sum(map(bool, told))
        return said > 0 and 2 * said >= len(self.tables)

    def names(self) -> Iterable[Name]:
        """Every name that some node answers; the first in rank says what."""
        found: dict[str, Name] = {}
        for node in self._nodes():
            for name in self.traffic[node].names:
                found.setdefault(name.name, name)
        return found.values()

    def state(self, namespace: str, endpoint: str, ip: str) -> EndpointState | None:
        """How a pod counted: ready if any node took it for that, None when it was in no service."""
        if self._states is None:
            self._states = {}
            for table in self.every_table():
                for (space, _), service in table.items():
                    _note(self._states, space, service)
        return self._states.get((namespace, endpoint, ip))

    def has(self, service: Key, endpoint: str, ip: str) -> bool:
        """It is an endpoint of this service on some node."""
        if self._listed is None:
            self._listed = {
                (*key, end.name, end.ip)
                for table in self.every_table()
                for key, routed in table.items()
                for port in routed.ports
                for end in port.endpoints
            }
        return (service.namespace, service.name, endpoint, ip) in self._listed

    def _nodes(self) -> list[str]:
        """One node for each different table, in the order of their authority."""
        if self._ranked is None:
            groups: list[tuple[dict[Service, object], list[str]]] = []
            seen: dict[int, int] = {}
            for name, (services, table) in sorted(self.tables.items()):
                index = seen.get(id(services))
                if index is None:
                    given = {key: _assigned(service) for key, service in table.items()}
                    index = next((i for i, g in enumerate(groups) if g[0] == given), len(groups))
                    if index == len(groups):
                        groups.append((given, []))
                    seen[id(services)] = index
                groups[index][1].append(name)
            groups.sort(key=lambda g: (-len(g[1]), g[1][0]))
            first = [nodes[0] for _, nodes in groups]
            self._ranked = first + [n for _, nodes in groups for n in _others(nodes, self.tables)]
        return self._ranked


def states(services: Iterable[RoutedService]) -> dict[Place, EndpointState]:
    """Every endpoint: ready, if it is that in any service or port."""
    found: dict[Place, EndpointState] = {}
    for service in services:
        _note(found, service.namespace, service)
    return found


def _note(found: dict[Place, EndpointState], namespace: str, service: RoutedService) -> None:
    for port in service.ports:
        for end in port.endpoints:
            place = namespace, end.name, end.ip
            if found.get(place) != "ready":
                found[place] = end.state


def _assigned(service: RoutedService) -> object:
    return service.ip, tuple((p.port, p.protocol, p.node_port) for p in service.ports)


def _others(nodes: list[str], tables: Mapping[str, tuple[tuple[RoutedService, ...], Table]]) -> list[str]:
    """Those of the group whose table isn't the very one of its first."""
    seen, found = {id(tables[nodes[0]][0])}, []
    for name in nodes[1:]:
        if id(tables[name][0]) not in seen:
            seen.add(id(tables[name][0]))
            found.append(name)
    return found
