"""Services that no manifest wants and that stay as they are published: their end may be an accident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.delivery.split import AT_INGRESS
from reconciler.decide.network.backers import Ending, runs
from reconciler.decide.network.node import gates
from reconciler.decide.network.published import Published
from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from reconciler.model.plan import Standing
from reconciler.model.traffic import Endpoint, IngressTraffic, Name, RoutedService


def why_held(turn: Pass, pruning: Standing) -> str:
    """Why what is published stays although nothing wants it; "": it goes."""
    desired = turn.desired
    rules = desired.fleet.spec.prune
    if not desired.complete:
        return "the source couldn't be read in full"
    if pruning == "blocked" or not (desired.workloads or desired.services or rules.allow_empty):
        return "the source has no workload at all, which looks like an accident"
    return "" if rules.enabled else "no manifest wants them, but spec.prune.enabled is false"


def held_services(turn: Pass, published: Published) -> list[RoutedService]:
    """Without what wanted services ask for by name: an address or a node port can't be had twice."""
    found: dict[Key, RoutedService] = {}
    for table in published.every_table():
        for (namespace, name), service in table.items():
            key = Key("Service", namespace, name)
            plain = Key("Service", namespace, name.removesuffix(AT_INGRESS))
            told = ((namespace, name) in one for _, one in published.tables.values())
            if plain not in turn.desired.services and published.most(told):
                found.setdefault(key, service)
    if not found:
        return []
    services = turn.desired.services.values()
    ips = {s.spec.cluster_ip for s in services}
    ports = {(p.protocol, p.node_port) for s in services for p in s.spec.ports if p.node_port}
    return [
        msgspec.structs.replace(
            service,
            ip="" if service.ip in ips else service.ip,
            ports=tuple(
                msgspec.structs.replace(port, node_port=0)
                if (port.protocol, port.node_port) in ports
                else port
                for port in service.ports
            ),
        )
        for _, service in sorted(found.items())
    ]


def held_names(turn: Pass, published: Published) -> list[Name]:
    """Names of services that nothing wants; of those that are wanted, what they say themselves holds."""
    end = f".svc.{turn.desired.fleet.spec.network.cluster_domain}"
    known = [{name.name for name in told.names} for told in published.traffic.values()]
    found = []
    for name in published.names():
        labels = name.name.removesuffix(end).split(".")[-2:]
        unwanted = len(labels) == 2 and Key("Service", labels[1], labels[0]) not in turn.desired.services
        if unwanted and published.most(name.name in told for told in known):
            found.append(name)
    return found


def held_doors(turn: Pass, published: Published) -> IngressTraffic | None:
    """Routes and certificates as most of the nodes have them that serve Ingresses."""
    serving = gates(turn.survey)
    told = [traffic.ingress for name, traffic in sorted(published.traffic.items()) if name in serving]
    known = [one for one in told if one is not None]
    if not known:
        return None
    routes = Counter(route for one in known for route in set(one.routes))
    certificates = Counter(pair for one in known for pair in set(one.certificates))
    return msgspec.structs.replace(
        known[0],
        routes=tuple(r for r in routes if 2 * routes[r] >= len(told)),
        certificates=tuple(c for c in certificates if 2 * certificates[c] >= len(told)),
    )


def with_endpoints(turn: Pass, services: list[RoutedService], ending: Ending) -> list[RoutedService]:
    """The same with pods that end drained, and pods that have gone left out."""
    pods = {(pod.node, pod.key): pod for pod in turn.observed.pods()} if services else {}
    made = []
    for service in services:
        ports = tuple(
            msgspec.structs.replace(
                port, endpoints=tuple(_kept(turn, service.namespace, port.endpoints, pods, ending))
            )
            for port in service.ports
        )
        made.append(service if ports == service.ports else msgspec.structs.replace(service, ports=ports))
    return made


def _kept(
    turn: Pass,
    namespace: str,
    endpoints: Iterable[Endpoint],
    pods: dict[tuple[str, Key], PodState],
    ending: Ending,
) -> Iterable[Endpoint]:
    for endpoint in endpoints:
        pod = pods.get((endpoint.node, Key("Pod", namespace, endpoint.name)))
        view = turn.survey.views.get(endpoint.node)
        if pod is None:
            if not endpoint.node or (view is not None and view.never_seen):
                yield endpoint
        elif (pod.terminating or (pod.node, pod.key) in ending) and runs(pod):
            yield msgspec.structs.replace(endpoint, state="draining")
        elif runs(pod):
            yield endpoint
