"""Services, endpoints and Ingresses as Kubernetes-shaped objects; what hasn't changed isn't drawn again.

Pure but for that memory, as `status.Portrait`, of which it is the network's part.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.desired import Desired
from reconciler.model.fleet import IngressPortsSpec
from reconciler.model.ingress import Ingress
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.record.backends import Pods, by_hand, pod_ip
from reconciler.record.endpoint_status import endpoint_objects
from reconciler.record.ingress_status import ingress_object
from reconciler.record.metadata import Shown
from reconciler.record.published import Published, published
from reconciler.record.service_status import ServiceSight, service_object

_IngressSight = tuple[Ingress, tuple[str, ...], IngressPortsSpec]


class NetworkPortrait:
    def __init__(self) -> None:
        self._services: dict[Key, tuple[ServiceSight, tuple[Shown, ...]]] = {}
        self._ingresses: dict[Key, tuple[_IngressSight, Shown]] = {}

    def of(self, desired: Desired, observed: Observed) -> Iterator[Shown]:
        if not desired.services and not desired.ingresses:
            self._services, self._ingresses = {}, {}
            return
        network = published(observed)
        yield from self._all_services(desired, observed, network)
        yield from self._all_ingresses(desired, network)

    def _all_services(self, desired: Desired, observed: Observed, network: Published) -> Iterator[Shown]:
        fleet, pods = desired.fleet.metadata.name, Pods(observed)
        drawn: dict[Key, tuple[ServiceSight, tuple[Shown, ...]]] = {}
        for key, wanted in desired.services.items():
            name = key.namespace, key.name
            mine = pods.of(wanted)
            sight = ServiceSight(
                wanted=wanted,
                routed=network.services.get(name),
                addresses=network.addresses.get(name, ()),
                pods=mine,
                ips=tuple(pod_ip(pod, observed) for pod in mine),
                hand=by_hand(key, desired.addresses),
            )
            before = self._services.get(key)
            if before is not None and before[0].is_like(sight):
                drawn[key] = before
            else:
                drawn[key] = sight, (service_object(fleet, sight), *endpoint_objects(fleet, sight))
            yield from drawn[key][1]
        self._services = drawn

    def _all_ingresses(self, desired: Desired, network: Published) -> Iterator[Shown]:
        fleet, ports = desired.fleet.metadata.name, desired.fleet.spec.network.ingress
        drawn: dict[Key, tuple[_IngressSight, Shown]] = {}
        for key, wanted in desired.ingresses.items():
            sight = wanted, network.ingresses.get(f"{key.namespace}/{key.name}", ()), ports
            before = self._ingresses.get(key)
            same = before is not None and before[0] == sight
            drawn[key] = before if before is not None and same else (sight, ingress_object(fleet, *sight))
            yield drawn[key][1]
        self._ingresses = drawn
