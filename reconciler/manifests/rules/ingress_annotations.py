"""Rules about the annotations of an Ingress: values that make sense, and what would be silently lost.

One that changes something is a warning where it has no effect. One that protects something is an error:
a page that was behind a login must not be served without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.rules import addresses
from reconciler.manifests.said import Said, shown
from reconciler.model import ingress_annotations as known
from reconciler.model.ingress import Ingress
from reconciler.model.ingress_annotations import HAPROXY, NGINX, OLD, TRAEFIK, parts, truth

_PREFIXES = (NGINX, TRAEFIK, HAPROXY, OLD, "haproxy-ingress.github.io/", "nginx.org/")
_PROTECTS = re.compile(
    r"auth([-.].*)?|.*[-.]auth([-.].*)?|.*modsecurity.*|.*owasp.*|.*(allow|deny|black|white)-?list.*|satisfy"
    r"|.*middlewares|.*tls\.options|waf([-.].*)?|client-ca|.*jwt.*|.*oidc.*|.*policies|configmap-auth"
)
_SNIPPET_PROTECTS = re.compile(r"\b(deny|allow|auth_\w+|satisfy|access_by_lua\w*|return\s+[45]\d\d)\b")
_UNLIMITED = {
    "proxy-body-size": "bodies of any size pass",
    "client-max-body-size": "bodies of any size pass",
    "proxy-buffering": "answers pass as they come",
    "proxy-request-buffering": "requests pass as they come",
    "proxy-http-version": "HTTP/1.1 is spoken with pods",
    "websocket-services": "websockets pass everywhere",
}
"""What others need to be told and is so here anyway: a note."""


def check(item: Ingress) -> Iterator[Said]:
    given = item.metadata.annotations
    for name in sorted(given):
        path = ("metadata", "annotations", name)
        if name in known.HONOURED:
            for message, remedy in _value(name, given[name]):
                yield Said(path, message, remedy, rule="annotation")
        elif name.startswith(_PREFIXES):
            yield _lost(name, given[name], path)
    yield from _twice(item)
    yield from _pointless(item)


def _value(name: str, text: str) -> Iterator[tuple[str, str]]:
    """(what is wrong, the remedy) with an honoured annotation's value."""
    if name in (*known.REDIRECT, known.FORCE_REDIRECT, known.ROUTER_TLS, known.TLS_ACME):
        if truth(text) is None:
            yield f"expected true or false, found {shown(text)}", 'write "true" or "false", with quotes'
    elif name == known.BACKEND_PROTOCOL:
        if text.strip().upper() not in ("HTTP", "HTTPS"):
            yield (
                f"expected HTTP or HTTPS, found {shown(text)}",
                "other protocols need a Service of their own",
            )
    elif name in known.ALLOW:
        for part in parts(text) or ("",):
            if not addresses.is_network(part):
                yield f"expected addresses or networks, found {shown(part)}", "write 192.168.0.0/16, 10.0.0.5"
    elif name == known.READ_TIMEOUT:
        given = text.strip()
        plain = given.isascii() and given.isdigit() and len(given) <= 9
        if not (plain and 0 < int(given) <= 86400 * 7):
            yield f"expected a number of seconds, found {shown(text)}", 'write it as "60"'
    elif name == known.ENTRYPOINTS and not set(parts(text)) & {"web", "websecure"}:
        yield f"expected web, websecure or both, found {shown(text)}", "other ports need a Service"


def _lost(name: str, text: str, path: tuple[str, ...]) -> Said:
    short = name.split("/", 1)[1]
    snippet = short.endswith(("-snippet", "-snippets", "-config"))
    if _PROTECTS.fullmatch(short) or (snippet and _SNIPPET_PROTECTS.search(text)):
        message = "protects what is served, and has no effect here"
        remedy = "put the protection into the application or a proxy of its own, and remove the annotation"
        return Said(path, message, remedy, rule="annotation")
    if short in _UNLIMITED:
        return Said(path, f"has no effect: {_UNLIMITED[short]}", severity="note", rule="no-effect")
    remedy = "docs/manifests.md lists the annotations that have one"
    return Said(path, "has no effect here", remedy, "warning", rule="no-effect")


def _twice(item: Ingress) -> Iterator[Said]:
    first, second = known.ALLOW
    given = item.metadata.annotations
    if first in given and second in given and parts(given[first]) != parts(given[second]):
        message = "says something else than whitelist-source-range"
        yield Said(("metadata", "annotations", second), message, "keep one of the two", rule="annotation")


def _pointless(item: Ingress) -> Iterator[Said]:
    """What needs a certificate, without a word of which."""
    given = item.metadata.annotations
    if item.spec.tls:
        return
    for name in (known.FORCE_REDIRECT, known.ROUTER_TLS, known.TLS_ACME):
        if truth(given.get(name, "")):
            yield _without_tls(name)
    for name in known.ISSUERS:
        if given.get(name):
            yield _without_tls(name)


def _without_tls(name: str) -> Said:
    message, remedy = "has no effect without spec.tls", "add spec.tls with the hosts and a secretName"
    return Said(("metadata", "annotations", name), message, remedy, "warning", rule="no-effect")
