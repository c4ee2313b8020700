"""What the ingress nodes serve: routes in the order in which they are tried, and certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from reconciler.decide.delivery.split import AT_INGRESS
from reconciler.decide.network.sound import sound_ones
from reconciler.model.base import Value
from reconciler.model.config import Secret
from reconciler.model.desired import Desired
from reconciler.model.ingress import Ingress, IngressBackend
from reconciler.model.ingress_annotations import settings
from reconciler.model.meta import Key
from reconciler.model.service import Service
from reconciler.model.traffic import Certificate, IngressRoute, IngressTraffic

_CERTIFICATE = ("tls.crt", "tls.key")


class Doors(Value):
    """`traffic` None: there is nothing to serve. `led`: services that a route leads to."""

    traffic: IngressTraffic | None = None
    led: frozenset[Key] = frozenset()
    notes: tuple[str, ...] = ()


Divided = frozenset[tuple[str, str, str]]
"""(namespace, Ingress, service): where traffic is split between two versions."""


def doors(desired: Desired, divided: Divided = frozenset(), kept: IngressTraffic | None = None) -> Doors:
    """`kept` is what was published and stays although no manifest is known for it."""
    kept = kept if kept is not None and kept.routes else None
    if not desired.ingresses and not desired.challenges and kept is None:
        return Doors()
    notes: list[str] = []
    certificates: dict[tuple[str, str], Certificate] = {}
    routes: list[IngressRoute] = []
    for ingress in desired.ingresses.values():
        covered = _certificates(ingress, desired, certificates, notes)
        routes += _routes(ingress, desired.services, divided, covered, notes)
    if kept is not None:
        mine = {f"{key.namespace}/{key.name}" for key in desired.ingresses}
        routes += [r for r in kept.routes if r.ingress not in mine]
        for certificate in kept.certificates:
            certificates.setdefault((certificate.namespace, certificate.secret), certificate)
    ports = desired.fleet.spec.network.ingress
    leading, lost = sound_ones(sorted(routes, key=_order))
    notes += [f"Ingress {r.ingress}: a route is left out, since its {what} can't be told" for r, what in lost]
    return Doors(
        traffic=IngressTraffic(
            http_port=ports.http_port,
            https_port=ports.https_port,
            routes=leading,
            certificates=sound_ones(certificates[key] for key in sorted(certificates))[0],
            challenges=sound_ones(sorted(desired.challenges, key=lambda c: c.token))[0],
        ),
        led=frozenset(Key("Service", r.namespace, r.service) for r in leading),
        notes=tuple(dict.fromkeys(notes)),
    )


def _order(route: IngressRoute) -> tuple[object, ...]:
    """Exact hosts, wildcards, any host; exact paths before prefixes; the longest first."""
    rank = 2 if not route.host else 1 if route.host.startswith("*.") else 0
    return (
        rank,
        -len(route.host) if rank == 1 else 0,
        route.host,
        not route.exact,
        -len(route.path),
        route.path,
        route.ingress,
        route.service,
        route.port,
    )


def _certificates(
    ingress: Ingress,
    desired: Desired,
    found: dict[tuple[str, str], Certificate],
    notes: list[str],
) -> set[str]:
    """Adds the Ingress' certificates; returns the hosts that have one ("" stands for every host)."""
    covered: set[str] = set()
    asked = desired.fleet.spec.network.ingress.acme is not None and settings(ingress).acme
    space = ingress.metadata.namespace
    for entry in ingress.spec.tls:
        hosts = entry.hosts or tuple(r.host for r in ingress.spec.rules)
        secret = desired.contents.get(Key("Secret", space, entry.secret_name))
        digest = _digest(secret) if isinstance(secret, Secret) else ""
        if not digest:
            there = isinstance(secret, Secret)
            notes.append(_missing(ingress, entry.secret_name, there=there, asked=asked))
            continue
        covered.update(hosts or ("",))
        before = found.get((space, entry.secret_name))
        every = sorted({h for h in hosts if h}.union(before.hosts if before else ()))
        found[space, entry.secret_name] = Certificate(
            namespace=space, secret=entry.secret_name, digest=digest, hosts=tuple(every)
        )
    return covered


def _missing(ingress: Ingress, secret: str, *, there: bool, asked: bool) -> str:
    what = f"Secret {ingress.metadata.namespace}/{secret}" if secret else "its tls entry names no Secret"
    if secret:
        what += " has no tls.crt and tls.key" if there else " isn't there"
    coming = "; an ACME server is asked for a certificate" if asked else ""
    return f"{ingress.key}: {what}; its hosts are served over plain HTTP{coming}"


def _digest(secret: Secret) -> str:
    """Of the certificate and its key; "" when one of them is missing."""
    content = secret.contents()
    if not all(content.get(name) for name in _CERTIFICATE):
        return ""
    digest = blake2b(digest_size=16)
    for name in _CERTIFICATE:
        digest.update(len(content[name]).to_bytes(8))
        digest.update(content[name])
    return digest.hexdigest()


def _routes(
    ingress: Ingress,
    services: Mapping[Key, Service],
    divided: Divided,
    covered: set[str],
    notes: list[str],
) -> Iterator[IngressRoute]:
    wanted = settings(ingress)
    space, name = ingress.metadata.namespace, ingress.metadata.name
    for host, path, exact, backend in _places(ingress):
        service = backend.service
        port = _port(services, space, backend)
        if service is None or not port:
            said = "a resource, not a service" if service is None else _unknown(services, space, backend)
            notes.append(f"{ingress.key}: {host or '*'}{path} leads to {said}; it isn't served")
            continue
        yield IngressRoute(
            ingress=f"{space}/{ingress.metadata.name}",
            namespace=space,
            service=service.name + (AT_INGRESS if (space, name, service.name) in divided else ""),
            port=port,
            host=host,
            path=path,
            exact=exact,
            redirect=wanted.redirect and _covers(covered, host),
            allow=wanted.allow,
            backend_tls=wanted.backend_tls,
            timeout_seconds=wanted.timeout_seconds,
        )


def _places(ingress: Ingress) -> Iterator[tuple[str, str, bool, IngressBackend]]:
    """(host, path, exact, backend) of every rule; the default backend has neither host nor path."""
    default = ingress.spec.default_backend
    for rule in ingress.spec.rules:
        for path in rule.http.paths if rule.http else ():
            exact = path.path_type == "Exact"
            yield rule.host, path.path if exact else path.path.rstrip("/") or "/", exact, path.backend
        if rule.http is None and default is not None and rule.host:
            yield rule.host, "/", False, default
    if default is not None:
        yield "", "", False, default


def _port(services: Mapping[Key, Service], namespace: str, backend: IngressBackend) -> int:
    """The service port's number; 0 when there is no such port."""
    if backend.service is None:
        return 0
    service = services.get(Key("Service", namespace, backend.service.name))
    if service is None or service.spec.type == "ExternalName":
        return 0
    wanted = backend.service.port
    for port in service.spec.ports:
        if port.protocol == "TCP" and (
            port.name == wanted.name if wanted.name else port.port == wanted.number
        ):
            return port.port
    return 0


def _unknown(services: Mapping[Key, Service], namespace: str, backend: IngressBackend) -> str:
    assert backend.service is not None
    key = Key("Service", namespace, backend.service.name)
    if key not in services:
        return f"{key}, which isn't there"
    if services[key].spec.type == "ExternalName":
        return f"{key}, which is a name outside"
    wanted = backend.service.port
    return f'port "{wanted.name or wanted.number}", which {key} doesn\'t have'


def _covers(covered: set[str], host: str) -> bool:
    parent = f"*.{host.partition('.')[2]}"
    return host in covered or "" in covered or (bool(host) and parent in covered)
