"""What an Ingress's annotations ask for."""

from __future__ import annotations

from reconciler.model.base import Value
from reconciler.model.ingress import Ingress

ISSUERS = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer")
TLS_ACME = "kubernetes.io/tls-acme"


class IngressSettings(Value):
    """`acme`: its certificates are obtained from the fleet's ACME server."""

    redirect: bool = False
    allow: tuple[str, ...] = ()
    backend_tls: bool = False
    timeout_seconds: int = 0
    acme: bool = False


def settings(ingress: Ingress) -> IngressSettings:
    annotations = ingress.metadata.annotations
    issued = any(annotations.get(name) for name in ISSUERS)
    return IngressSettings(acme=issued or annotations.get(TLS_ACME, "").lower() == "true")
