"""Which certificates a revision's Ingresses ask for. Pure."""

from __future__ import annotations

import re

from reconciler.model.base import Value
from reconciler.model.desired import Desired
from reconciler.model.ingress import Ingress, IngressTLS
from reconciler.model.ingress_annotations import settings
from reconciler.model.meta import Key
from reconciler.model.names import DNS_SUBDOMAIN

_NAME = re.compile(DNS_SUBDOMAIN)


class Wish(Value):
    """A certificate for `hosts` (sorted, lower case), to be found in the Secret `namespace`/`secret`."""

    namespace: str
    secret: str
    hosts: tuple[str, ...]

    @property
    def key(self) -> Key:
        return Key("Secret", self.namespace, self.secret)

    def __str__(self) -> str:
        return f"the certificate {self.namespace}/{self.secret} for {', '.join(self.hosts)}"


class Wishes(Value):
    """`certificates` in sorted order; `problems` say what is asked for and can't be had, and what to do."""

    certificates: tuple[Wish, ...] = ()
    problems: tuple[str, ...] = ()


def wanted(desired: Desired) -> Wishes:
    """One certificate for each Secret that a tls entry names and no manifest holds.

    Several Ingresses of a namespace may name the same Secret: it gets the hosts of all of them.
    """
    hosts: dict[Key, set[str]] = {}
    problems: list[str] = []
    for ingress in desired.ingresses.values():
        if not settings(ingress).acme:
            continue
        problems += _problems(desired, ingress)
        for entry in _entries(desired, ingress):
            hosts.setdefault(_secret(ingress, entry), set()).update(filter(_possible, _hosts(entry)))
    if desired.fleet.spec.network.ingress.acme is None:
        return Wishes(problems=tuple(problems))
    wishes = (
        Wish(namespace=k.namespace, secret=k.name, hosts=tuple(sorted(hosts[k]))) for k in sorted(hosts)
    )
    return Wishes(certificates=tuple(wish for wish in wishes if wish.hosts), problems=tuple(problems))


def _entries(desired: Desired, ingress: Ingress) -> list[IngressTLS]:
    """Those whose Secret is ours to make."""
    return [
        entry
        for entry in ingress.spec.tls
        if _NAME.match(entry.secret_name) and entry.hosts and _secret(ingress, entry) not in desired.contents
    ]


def _problems(desired: Desired, ingress: Ingress) -> list[str]:
    said = [
        f"{ingress.key}: no certificate for {host or 'an empty host'}: {_trouble(host)}"
        for entry in _entries(desired, ingress)
        for host in _hosts(entry)
        if not _possible(host)
    ]
    said += [
        f"{ingress.key}: no certificate: secretName {e.secret_name!r} in spec.tls isn't a Secret's name"
        for e in ingress.spec.tls
        if e.secret_name and not _NAME.match(e.secret_name)
    ]
    if not ingress.spec.tls or any(not e.hosts or not e.secret_name for e in ingress.spec.tls):
        said.append(
            f"{ingress.key} asks for a certificate, but not for which: "
            "give each entry of spec.tls its hosts and a secretName"
        )
    if _entries(desired, ingress) and desired.fleet.spec.network.ingress.acme is None:
        said.append(
            f"{ingress.key} asks for a certificate, but nodes.yaml doesn't say from whom: "
            "set spec.network.ingress.acme, or give the Secret in a manifest"
        )
    return said


def _secret(ingress: Ingress, entry: IngressTLS) -> Key:
    return Key("Secret", ingress.metadata.namespace, entry.secret_name)


def _hosts(entry: IngressTLS) -> list[str]:
    return [host.lower() for host in entry.hosts]


def _possible(host: str) -> bool:
    return not _trouble(host)


def _trouble(host: str) -> str:
    """Why HTTP-01 can't have it, empty if it can."""
    if host.startswith("*."):
        return "a wildcard can't be had by HTTP-01; name each host, or give the Secret in a manifest"
    labels = host.split(".")
    if len(host) > 253 or not _NAME.match(host) or max(map(len, labels)) > 63 or labels[-1].isdigit():
        return "it isn't a DNS name (letters beyond a to z are written in punycode, xn--...)"
    return ""
