"""An Ingress as `kubectl get ingress -o yaml` shows it (networking.k8s.io/v1), with where it is served."""

from __future__ import annotations

from reconciler.model.fleet import IngressPortsSpec
from reconciler.model.ingress import Ingress
from reconciler.record.metadata import Shown, metadata, without_empty
from reconciler.record.shape import shape


def ingress_object(
    fleet: str, wanted: Ingress, addresses: tuple[str, ...], numbers: IngressPortsSpec
) -> Shown:
    """`numbers` are the ports that Ingresses are served on."""
    meta = wanted.metadata
    opened = (numbers.http_port, numbers.https_port) if wanted.spec.tls else (numbers.http_port,)
    ports = [{"port": port, "protocol": "TCP"} for port in opened]
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
