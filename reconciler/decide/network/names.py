"""The DNS names of a service and of the pods behind it (Kubernetes: DNS specification 1.1)."""

from __future__ import annotations

from reconciler.decide.network.backers import Backer
from reconciler.decide.network.route import endpoint_state
from reconciler.model.service import Service
from reconciler.model.traffic import Name


def names_of(service: Service, ip: str, backers: tuple[Backer, ...], domain: str) -> tuple[Name, ...]:
    """A name that nothing answers isn't there."""
    meta = service.metadata
    whole = f"{meta.name}.{meta.namespace}.svc.{domain}"
    if service.spec.type == "ExternalName":
        return (Name(name=whole, target=service.spec.external_name.rstrip(".").lower()),)
    if not service.headless:
        return (Name(name=whole, addresses=(ip,)),) if ip else ()
    ready = [b for b in backers if endpoint_state(service, b) == "ready"]
    found = {whole: {b.ip for b in ready}}
    for backer in ready:
        if host := _host(service, backer):
            found.setdefault(f"{host}.{whole}", set()).add(backer.ip)
    return tuple(
        Name(name=name, addresses=tuple(sorted(found[name]))) for name in sorted(found) if found[name]
    )


def _host(service: Service, backer: Backer) -> str:
    """A pod has a name of its own where its subdomain is the service; an address where it has a hostname."""
    if backer.spec is None:
        return backer.hostname
    host, _, subdomain = backer.hostname.rpartition(".")
    return host if subdomain == service.metadata.name else ""
