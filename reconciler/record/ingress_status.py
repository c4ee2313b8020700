"""An Ingress as `kubectl get ingress -o yaml` shows it (networking.k8s.io/v1), with where it is served."""

from __future__ import annotations

from reconciler.model.ingress import Ingress
from reconciler.record.metadata import Shown, metadata, without_empty
from reconciler.record.shape import shape


def ingress_object(fleet: str, wanted: Ingress, addresses: tuple[str, ...]) -> Shown:
    meta = wanted.metadata
    ports = [{"port": port, "protocol": "TCP"} for port in ((80, 443) if wanted.spec.tls else (80,))]
    served = [{"ip": address, "ports": ports} for address in addresses]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(
            fleet, wanted.key, created_at=None, labels=meta.labels, annotations=meta.annotations
        ),
        "spec": shape(wanted.spec),
        "status": {"loadBalancer": without_empty({"ingress": served})},
    }
