"""What an Ingress's annotations ask for: a short list of those of nginx, Traefik, HAProxy and cert-manager.

Pure, and lenient: a value that makes no sense counts as absent here, because `manifests` has refused it.
"""

from __future__ import annotations

import re

from reconciler.model.base import Value
from reconciler.model.ingress import Ingress

NGINX = "nginx.ingress.kubernetes.io/"
TRAEFIK = "traefik.ingress.kubernetes.io/"
HAPROXY = "haproxy.org/"
OLD = "ingress.kubernetes.io/"

FORCE_REDIRECT = f"{NGINX}force-ssl-redirect"
REDIRECT = (f"{NGINX}ssl-redirect", f"{OLD}ssl-redirect", f"{HAPROXY}ssl-redirect")
BACKEND_PROTOCOL = f"{NGINX}backend-protocol"
ALLOW = (f"{NGINX}whitelist-source-range", f"{NGINX}allowlist-source-range")
READ_TIMEOUT = f"{NGINX}proxy-read-timeout"
ENTRYPOINTS = f"{TRAEFIK}router.entrypoints"
ROUTER_TLS = f"{TRAEFIK}router.tls"
CLASS = "kubernetes.io/ingress.class"
TLS_ACME = "kubernetes.io/tls-acme"
ISSUERS = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer", f"{TRAEFIK}router.tls.certresolver")

HONOURED: dict[str, str] = {
    **dict.fromkeys(REDIRECT, '`"false"`: hosts with TLS are served by plain HTTP, too, without a redirect'),
    FORCE_REDIRECT: '`"true"`: hosts with TLS redirect, whatever the other annotations say',
    BACKEND_PROTOCOL: "`HTTP`, or `HTTPS`: the pods speak TLS; their certificate isn't checked",
    **dict.fromkeys(ALLOW, "addresses and networks, with commas: nobody else is let in"),
    READ_TIMEOUT: "seconds that a pod may take to answer",
    ENTRYPOINTS: "`websecure`: hosts with TLS redirect; with `web` in the list: they don't",
    ROUTER_TLS: '`"true"`: as the entrypoint `websecure`',
    CLASS: "ignored, like `ingressClassName`: every Ingress is served",
    TLS_ACME: '`"true"`: certificates come by ACME, if nodes.yaml has `spec.network.ingress.acme`',
    **dict.fromkeys(ISSUERS, "as `kubernetes.io/tls-acme`; which issuer it names doesn't matter"),
}
"""Annotation -> what it does here."""


class IngressSettings(Value):
    """`redirect` is about hosts that have a certificate; without one there is nothing to redirect to.

    `allow`: only clients of these addresses and networks, everybody if empty. `backend_tls`: the pods speak
    TLS. `timeout_seconds`: how long a pod may take to answer, 0: nothing was said. `acme`: a certificate is
    asked for.
    """

    redirect: bool = False
    allow: tuple[str, ...] = ()
    backend_tls: bool = False
    timeout_seconds: int = 0
    acme: bool = False


def settings(ingress: Ingress) -> IngressSettings:
    """What `ingress` asks for by its annotations. Hosts with TLS redirect by default, as with nginx."""
    given = ingress.metadata.annotations
    timeout = given.get(READ_TIMEOUT, "").strip()
    return IngressSettings(
        redirect=bool(ingress.spec.tls) and _redirects(given),
        allow=tuple(part for name in ALLOW for part in parts(given.get(name, ""))),
        backend_tls=given.get(BACKEND_PROTOCOL, "").strip().upper() == "HTTPS",
        timeout_seconds=int(timeout) if re.fullmatch("[0-9]{1,9}", timeout) else 0,
        acme=truth(given.get(TLS_ACME, "")) is True or any(given.get(name) for name in ISSUERS),
    )


def _redirects(given: dict[str, str]) -> bool:
    if truth(given.get(FORCE_REDIRECT, "")):
        return True
    said = [truth(given[name]) for name in REDIRECT if name in given]
    if said:
        return False not in said
    entrypoints = parts(given.get(ENTRYPOINTS, ""))
    if entrypoints and truth(given.get(ROUTER_TLS, "")) is None:
        return "web" not in entrypoints
    return True


def parts(text: str) -> tuple[str, ...]:
    """`10.0.0.0/8, 192.168.0.0/16` -> its parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def truth(text: str) -> bool | None:
    """As Go reads a boolean from a string; None if it isn't one."""
    if text.strip() in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    return False if text.strip() in ("0", "f", "F", "false", "FALSE", "False") else None
