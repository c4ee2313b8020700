"""A certificate from an ACME server, through port 80 of real nodes, as anybody would get one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from cryptography import x509

from reconciler.lab import Lab
from tests.certificates.pebble import pebble
from tests.fleet.ingresses import DOORS, ask, ingress
from tests.fleet.networking import Place, app, service, settled
from tests.fleet.site import until
from tests.fleet.tls import shown

pytestmark = [pytest.mark.fleet, pytest.mark.programs("pebble", "pebble-challtestsrv", "setpriv")]

HOSTS = ["shop.test", "www.shop.test"]
ASKS = {"cert-manager.io/cluster-issuer": "letsencrypt"}


def manifests(image: str) -> str:
    services = service("app", "selector: {app: app}, ports: [{port: 80, targetPort: 8080}]")
    shop = ingress("shop", {host: {"/": "app"} for host in HOSTS}, tls={"shop-tls": HOSTS}, **ASKS)
    return app(image, replicas=2) + services + shop


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """No daemon runs: each test has its own."""
    folder = tmp_path_factory.mktemp("pebble")
    with pebble(folder, address=lab.node(DOORS[0]).ip, http_port=80) as server:
        acme = f"{{email: me@example.org, directory: '{server.directory}', caFile: {server.ca_file}}}"
        extra = f"  network: {{ingress: {{acme: {acme}}}}}\n"
        root = tmp_path_factory.mktemp("acme")
        with settled(lab, root, manifests(apps["app:v1"]), extra, doors=DOORS) as ready:
            yield ready


def certificate(place: Place, door: str) -> x509.Certificate | None:
    """The one that a node shows; None while there is no HTTPS."""
    try:
        return shown(place.lab.node(door).ip, HOSTS[0])
    except OSError:
        return None


def obtained(place: Place) -> bool:
    return all(certificate(place, door) is not None for door in DOORS)


def serial(place: Place) -> set[int]:
    return {found.serial_number if found else 0 for found in (certificate(place, door) for door in DOORS)}


def test_it_is_obtained_and_served(place: Place) -> None:
    with place.serve():
        until(lambda: obtained(place), "there is a certificate", place.tell, 60)
        until(place.converged, "it converged", place.tell)
        for door in DOORS:
            until(partial(redirects, place, door), "it is sent to HTTPS", place.tell)
            found = certificate(place, door)
            assert found is not None and "Pebble" in found.issuer.rfc4514_string()
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert names.get_values_for_type(x509.DNSName) == HOSTS
            assert ask(place.lab.node(door).ip, f"https://{HOSTS[1]}/").body.startswith("v1 app-")
        place.nothing_to_do()
        page = place.run("status").stdout
        line = next(line for line in page.splitlines() if line.split()[:2] == ["default", "shop"])
        assert "shop.test,www.shop.test" in line and "without" not in page, page


def redirects(place: Place, door: str) -> bool:
    """The HAProxy from before there was a certificate may still take a connection or two."""
    return ask(place.lab.node(door).ip, f"http://{HOSTS[1]}/").status == 308


def kept(place: Place) -> set[int]:
    """The certificate's serial number; it is obtained now if no test before did that."""
    if not obtained(place):
        with place.serve():
            until(lambda: obtained(place), "there is a certificate", place.tell, 60)
            until(place.converged, "it converged", place.tell)
    return serial(place)


def test_a_restart_keeps_it(place: Place) -> None:
    before = kept(place)
    assert len(before) == 1 and before != {0}
    with place.serve():
        until(place.converged, "it converged", place.tell)
        assert serial(place) == before
        place.nothing_to_do()


def test_plan_and_apply_by_hand_keep_it(place: Place) -> None:
    before = kept(place)
    place.nothing_to_do(str(place.apps))
    place.apply()
    assert serial(place) == before != {0}
