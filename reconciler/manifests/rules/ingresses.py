"""Rules about one Ingress alone: hosts, paths, backends. Source: Kubernetes' networking validation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import forms, ingress_annotations, metadata
from reconciler.manifests.rules.containers import one_of
from reconciler.manifests.said import Said, shown
from reconciler.model.ingress import HTTPIngressPath, Ingress, IngressBackend
from reconciler.model.names import DNS_SUBDOMAIN
from reconciler.model.request_path import canonical

_NAME = re.compile(DNS_SUBDOMAIN)
_ODD = re.compile(r"//|/\.\.?(?=/|$)|%2[fF]")
"""Kubernetes: what a path of type Exact or Prefix mustn't have."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]|%[01][0-9A-Fa-f]|%7[Ff]")


def check(item: Ingress) -> Iterator[Said]:
    yield from metadata.notes(item.spec, ("spec",))
    yield from ingress_annotations.check(item)
    if item.spec.ingress_class_name:
        yield from forms.dns_name(item.spec.ingress_class_name, ("spec", "ingressClassName"))
    if not item.spec.rules and item.spec.default_backend is None:
        yield Said(("spec",), "has neither rules nor defaultBackend", "add one of the two", rule="required")
    if item.spec.default_backend:
        yield from _backend(item.spec.default_backend, ("spec", "defaultBackend"))
    for path, host in hosts(item):
        yield from _host(host, path)
    for path, route in routes(item):
        yield from _path(route, path)
        yield from _backend(route.backend, (*path, "backend"))


def hosts(item: Ingress) -> Iterator[tuple[Path, str]]:
    """Every host that is named, in rules and in tls, and where."""
    for index, rule in enumerate(item.spec.rules):
        if rule.host:
            yield ("spec", "rules", index, "host"), rule.host
    for index, tls in enumerate(item.spec.tls):
        for number, host in enumerate(tls.hosts):
            yield ("spec", "tls", index, "hosts", number), host


def routes(item: Ingress) -> Iterator[tuple[Path, HTTPIngressPath]]:
    for index, rule in enumerate(item.spec.rules):
        for number, route in enumerate(rule.http.paths if rule.http else ()):
            yield ("spec", "rules", index, "http", "paths", number), route


def backends(item: Ingress) -> Iterator[tuple[Path, IngressBackend]]:
    if item.spec.default_backend:
        yield ("spec", "defaultBackend"), item.spec.default_backend
    for path, route in routes(item):
        yield (*path, "backend"), route.backend


def _host(host: str, path: Path) -> Iterator[Said]:
    name = host.removeprefix("*.")
    if host.replace(".", "").isdigit():
        message = f"expected a DNS name, found the address {shown(host)}"
        yield Said(path, message, "leave host out to serve every host", rule="ingress")
    elif not _NAME.fullmatch(name) or len(host) > 253:
        message = f"expected a DNS name, found {shown(host)}"
        yield Said(
            path, message, "write it as home.example.com or *.example.com, without a port", rule="ingress"
        )


def _path(route: HTTPIngressPath, path: Path) -> Iterator[Said]:
    typed = route.path_type != "ImplementationSpecific"
    odd = _ODD.search(route.path) if typed else None
    if not route.path and not typed:
        return  # Kubernetes: every path
    if _CONTROL.search(route.path):
        message = f"expected a path without control characters, found {shown(route.path)}"
        yield Said((*path, "path"), message, "clients' paths have none", rule="ingress")
    elif not route.path.startswith("/"):
        message = f"expected an absolute path, found {shown(route.path)}"
        yield Said((*path, "path"), message, "start it with /", rule="ingress")
    elif re.search(r"[()\\^$|*?\[]", route.path):
        message = f"{shown(route.path)} looks like a regular expression, and is compared as it is"
        remedy = "write the path's beginning, with pathType: Prefix"
        yield Said((*path, "path"), message, remedy, "warning", rule="ingress")
    elif odd:
        message = f"expected a path without {odd[0]}, found {shown(route.path)}"
        remedy = f"write {canonical(route.path)}: what clients ask for is compared by its meaning"
        yield Said((*path, "path"), message, remedy, rule="ingress")


def _backend(backend: IngressBackend, path: Path) -> Iterator[Said]:
    if backend.service is None:
        yield Said(
            (*path, "service"), "is missing, expected a Service", "add its name and port", rule="required"
        )
    elif bool(backend.service.port.name) == (backend.service.port.number is not None):
        yield one_of((*path, "service", "port"), "name, number")
    elif backend.service.port.name:
        yield from forms.dns_label(backend.service.port.name, (*path, "service", "port", "name"))
