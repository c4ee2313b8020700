"""Rules about what Ingresses lead to: Services and their ports, certificates, routes taken twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.rules.certificate_pair import unfit
from reconciler.manifests.rules.ingresses import backends
from reconciler.manifests.said import Said
from reconciler.model.config import Secret
from reconciler.model.ingress import Ingress, IngressServiceBackend
from reconciler.model.ingress_annotations import settings
from reconciler.model.meta import Key
from reconciler.model.request_path import canonical
from reconciler.model.service import Service


def across(entries: Sequence[Entry], kept: Kept, *, complete: bool) -> Iterator[tuple[Entry, Said]]:
    served: dict[tuple[str, str, bool], Key] = {}
    for entry in entries:
        item = entry.item
        if not isinstance(item, Ingress):
            continue
        for path, backend in backends(item):
            if backend.service is not None:
                said = _backend(backend.service, (*path, "service"), item, kept, complete)
                yield from ((entry, one) for one in said)
        yield from ((entry, said) for said in _certificates(item, kept, complete))
        yield from ((entry, said) for said in _routes(item, served))


def _backend(
    backend: IngressServiceBackend, path: Path, item: Ingress, kept: Kept, complete: bool
) -> Iterator[Said]:
    """Kubernetes accepts such an Ingress and answers 503: a warning."""
    key = Key("Service", item.metadata.namespace, backend.name)
    found = kept.get(key)
    if found is None or not isinstance(found.item, Service):
        where = "" if complete else " in these files"
        remedy = _other(key, kept) or "add it"
        yield Said((*path, "name"), f"there is no {key}{where}", remedy, "warning", "reference", lacks=key)
        return
    service = found.item
    if service.spec.type == "ExternalName":
        message = f"{key} is of type ExternalName, to which no Ingress can lead"
        remedy = "write a Service without a selector, and Endpoints with the address"
        yield Said((*path, "name"), message, remedy, "warning", rule="reference")
        return
    wanted = backend.port.name or backend.port.number
    if wanted and not any(
        wanted in (port.name, port.port) and port.protocol == "TCP" for port in service.spec.ports
    ):
        known = [f"{port.port} ({port.name})" if port.name else str(port.port) for port in service.spec.ports]
        remedy = f"it has {', '.join(known)}" if known else "it has none: add it"
        yield Said((*path, "port"), f"{key} has no TCP port {wanted}", remedy, "warning", rule="reference")


def _other(key: Key, kept: Kept) -> str:
    """What may have been meant."""
    same = [k for k in kept if k.kind == key.kind and k.name == key.name]
    if same:
        return f"it is in namespace {same[0].namespace}; an Ingress leads to its own namespace only"
    names = [k.name for k in kept if k.kind == key.kind and k.namespace == key.namespace]
    near = get_close_matches(key.name, names, 1, 0.7)
    return f"did you mean {near[0]}?" if near else ""


def _certificates(item: Ingress, kept: Kept, complete: bool) -> Iterator[Said]:
    asked = settings(item).acme
    for index, tls in enumerate(item.spec.tls):
        path = ("spec", "tls", index, "secretName")
        if not tls.secret_name:
            if not asked:
                message = "is missing, so its hosts are served by plain HTTP"
                yield Said(path, message, "name a Secret of type kubernetes.io/tls", "warning", rule="tls")
            continue
        key = Key("Secret", item.metadata.namespace, tls.secret_name)
        found = kept.get(key)
        if found is not None and isinstance(found.item, Secret):
            yield from _pair(found.item, path)
        elif not asked:
            where = "" if complete else " in these files"
            message = f"there is no {key}{where}, so its hosts are served by plain HTTP"
            remedy = _other(key, kept) or "add it, or ask for a certificate: kubernetes.io/tls-acme"
            yield Said(path, message, remedy, "warning", "tls", lacks=key)


def _pair(secret: Secret, path: Path) -> Iterator[Said]:
    """A certificate and its key as PEM. Values are looked at and never shown."""
    try:
        contents = secret.contents()
    except ValueError:
        return  # said already: isn't base64
    for key, mark in (("tls.crt", b"-----BEGIN CERTIFICATE-----"), ("tls.key", b"PRIVATE KEY-----")):
        if key not in contents:
            yield Said(path, f"{secret.key} has no key {key}", f"add {key} to it", rule="tls")
        elif mark not in contents[key]:
            message = f"{key} of {secret.key} isn't PEM"
            yield Said(path, message, f"it has a line with {mark.decode()}", rule="tls")
            return
    if contents.keys() >= {"tls.crt", "tls.key"}:
        trouble, remedy = unfit(contents["tls.crt"], contents["tls.key"])
        if trouble:
            yield Said(path, f"{secret.key} has a {trouble}", remedy, rule="tls")


def _routes(item: Ingress, served: dict[tuple[str, str, bool], Key]) -> Iterator[Said]:
    for index, rule in enumerate(item.spec.rules):
        for number, route in enumerate(rule.http.paths if rule.http else ()):
            exact = route.path_type == "Exact"
            text = canonical(route.path) if exact else canonical(route.path).rstrip("/") or "/"
            place = (rule.host, text, exact)
            if place in served:
                message = f"{rule.host or 'every host'}{text} is served by {served[place]} already"
                path = ("spec", "rules", index, "http", "paths", number, "path")
                yield Said(path, message, "remove one of the two", "warning", rule="duplicate")
            served.setdefault(place, item.key)
