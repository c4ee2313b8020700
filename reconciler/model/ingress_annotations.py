"""The annotations of an Ingress that are honoured, as one value."""

from __future__ import annotations

from reconciler.model.base import Value
from reconciler.model.ingress import Ingress


class IngressSettings(Value):
    """`redirect` holds where there is a certificate. `allow`: ranges of clients, empty for all.

    `timeout_seconds` 0: as long as it likes. `acme`: its certificates are asked of an ACME server.
    """

    redirect: bool = True
    allow: tuple[str, ...] = ()
    backend_tls: bool = False
    timeout_seconds: int = 0
    acme: bool = False


def settings(ingress: Ingress) -> IngressSettings:
    return IngressSettings()
