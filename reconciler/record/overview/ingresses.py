"""Ingresses: which hosts and paths lead to which service, and where they are served. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.model.desired import Desired
from reconciler.model.ingress import Ingress, IngressBackend, IngressTLS
from reconciler.model.traffic import IngressRoute
from reconciler.record.overview.lines import IngressLine
from reconciler.record.published import Published


def ingress_lines(desired: Desired | None, network: Published) -> Iterator[IngressLine]:
    """What is wanted; without a revision what the nodes were last told."""
    if desired is None:
        yield from _told(network)
        return
    certified = _certified(network)
    for ingress in desired.ingresses.values():
        yield _wanted(ingress, network, certified)


def _wanted(ingress: Ingress, network: Published, certified: frozenset[tuple[str, str]]) -> IngressLine:
    meta, spec = ingress.metadata, ingress.spec
    addresses = network.ingresses.get(f"{meta.namespace}/{meta.name}", ())
    missing = [t.secret_name for t in spec.tls if (meta.namespace, t.secret_name) not in certified]
    message = "" if addresses else "no node serves it yet"
    if addresses and missing:
        message = f"without a certificate: Secret {', '.join(n or '(unnamed)' for n in missing)}"
    return IngressLine(
        namespace=meta.namespace,
        name=meta.name,
        hosts=_once(rule.host or "*" for rule in spec.rules) or ("*",),
        addresses=addresses,
        paths=tuple(_paths(ingress)),
        tls=_once(host for t in spec.tls if t.secret_name not in missing for host in _hosts(t)),
        message=message,
    )


def _hosts(tls: IngressTLS) -> tuple[str, ...]:
    return tls.hosts or ("*",)


def _paths(ingress: Ingress) -> Iterator[str]:
    for rule in ingress.spec.rules:
        for path in rule.http.paths if rule.http else ():
            yield f"{rule.host or '*'}{path.path} -> {_backend(path.backend)}"
    if ingress.spec.default_backend is not None:
        yield f"* -> {_backend(ingress.spec.default_backend)}"


def _backend(backend: IngressBackend) -> str:
    if backend.service is None:
        return "(none)"
    port = backend.service.port
    return f"{backend.service.name}:{port.name or port.number or '?'}"


def _told(network: Published) -> Iterator[IngressLine]:
    traffic = network.routes.ingress if network.routes else None
    routes: dict[str, list[IngressRoute]] = {}
    for route in traffic.routes if traffic else ():
        routes.setdefault(route.ingress, []).append(route)
    certified = {host for c in traffic.certificates for host in c.hosts} if traffic else set()
    for name, found in sorted(routes.items()):
        namespace, _, own = name.partition("/")
        hosts = _once(r.host or "*" for r in found)
        yield IngressLine(
            namespace=namespace,
            name=own,
            hosts=hosts,
            addresses=network.ingresses.get(name, ()),
            paths=tuple(f"{r.host or '*'}{r.path} -> {r.service}:{r.port}" for r in found),
            tls=tuple(h for h in hosts if h in certified),
        )


def _certified(network: Published) -> frozenset[tuple[str, str]]:
    traffic = network.routes.ingress if network.routes else None
    return frozenset((c.namespace, c.secret) for c in traffic.certificates) if traffic else frozenset()


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
