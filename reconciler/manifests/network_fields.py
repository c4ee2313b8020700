"""What `fields` says of Service, Endpoints, EndpointSlice and Ingress: its tables' part for the network."""

from __future__ import annotations

from reconciler.model.base import Model
from reconciler.model.ingress import (
    Ingress,
    IngressBackend,
    IngressClass,
    IngressClassSpec,
    IngressSpec,
)
from reconciler.model.service import (
    EndpointAddress,
    EndpointPort,
    Service,
    ServiceSpec,
    SliceEndpoint,
    SlicePort,
    TargetReference,
)

_STATUS = "the reconciler works it out; what the file says isn't read"
_ONE_CONTROLLER = "there is one controller, the reconciler's, and it serves every Ingress"
_NO_ZONES = "nodes have no zones to prefer"
_REFERENCE = "an address by hand counts as it is, whatever stands behind it"
_PROTOCOL = "the Service's port says it"
_V1BETA1 = "v1beta1 wrote it so; v1 has service.name and service.port.number"

NOTED: dict[type[Model], dict[str, str]] = {
    Service: {"status": _STATUS},
    ServiceSpec: {
        "load_balancer_class": "there is one load balancer, the nodes themselves",
        "health_check_node_port": "no load balancer outside asks for it",
        "traffic_distribution": _NO_ZONES + "; internalTrafficPolicy: Local keeps to the node",
    },
    EndpointAddress: {"target_ref": _REFERENCE},
    EndpointPort: {"app_protocol": _PROTOCOL},
    TargetReference: dict.fromkeys(TargetReference.__struct_fields__, _REFERENCE),
    SliceEndpoint: {
        "zone": _NO_ZONES,
        "hints": _NO_ZONES,
        "deprecated_topology": _NO_ZONES,
        "target_ref": _REFERENCE,
    },
    SlicePort: {"app_protocol": _PROTOCOL},
    Ingress: {"status": _STATUS},
    IngressSpec: {"ingress_class_name": _ONE_CONTROLLER},
    IngressClass: {"metadata": _ONE_CONTROLLER, "spec": _ONE_CONTROLLER},
    IngressClassSpec: {"controller": _ONE_CONTROLLER, "parameters": _ONE_CONTROLLER},
}
"""Accepted with one note when it is set to something else than its default. Python names."""

REFUSED: dict[type[Model], dict[str, str]] = {
    IngressSpec: {"backend": "v1beta1 wrote it so; v1 has defaultBackend"},
    IngressBackend: {
        "resource": "an Ingress leads to Services only",
        "serviceName": _V1BETA1,
        "servicePort": _V1BETA1,
    },
}
"""Exists in Kubernetes, now or before, and is an error here, and why. JSON names."""
