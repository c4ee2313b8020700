"""What an Ingress's annotations come to."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.model.ingress import Ingress
from reconciler.model.ingress_annotations import HONOURED, IngressSettings, settings

N, T = "nginx.ingress.kubernetes.io", "traefik.ingress.kubernetes.io"


def made(annotations: dict[str, str], *, tls: bool = True) -> IngressSettings:
    spec = {"tls": [{"hosts": ["a.lan"], "secretName": "cert"}] if tls else []}
    head = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"}
    value = {**head, "metadata": {"name": "a", "annotations": annotations}, "spec": spec}
    return settings(msgspec.convert(value, Ingress))


def test_hosts_with_tls_redirect_and_others_do_not() -> None:
    assert made({}) == IngressSettings(redirect=True)
    assert made({}, tls=False) == IngressSettings()


@pytest.mark.parametrize(
    ("annotations", "redirect"),
    [
        ({f"{N}/ssl-redirect": "false"}, False),
        ({f"{N}/ssl-redirect": "true"}, True),
        ({"ingress.kubernetes.io/ssl-redirect": "false"}, False),
        ({"haproxy.org/ssl-redirect": "false"}, False),
        ({f"{N}/ssl-redirect": "false", f"{N}/force-ssl-redirect": "true"}, True),
        ({f"{T}/router.entrypoints": "websecure"}, True),
        ({f"{T}/router.entrypoints": "web,websecure"}, False),
        ({f"{T}/router.entrypoints": "web, websecure", f"{T}/router.tls": "true"}, True),
        ({f"{T}/router.entrypoints": "web"}, False),
        ({f"{N}/ssl-redirect": "nonsense"}, True),
    ],
)
def test_the_redirect(annotations: dict[str, str], redirect: bool) -> None:
    assert made(annotations).redirect is redirect


def test_the_rest() -> None:
    found = made(
        {
            f"{N}/whitelist-source-range": "10.0.0.0/8, 192.168.1.5",
            f"{N}/backend-protocol": "https",
            f"{N}/proxy-read-timeout": "3600",
        }
    )
    assert found.allow == ("10.0.0.0/8", "192.168.1.5")
    assert (found.backend_tls, found.timeout_seconds, found.acme) == (True, 3600, False)
    assert made({f"{N}/proxy-read-timeout": "1" + "0" * 5000}).timeout_seconds == 0
    assert made({f"{N}/proxy-read-timeout": "1h", f"{N}/backend-protocol": "GRPC"}) == made({})


@pytest.mark.parametrize(
    ("name", "value", "asked"),
    [
        ("kubernetes.io/tls-acme", "true", True),
        ("kubernetes.io/tls-acme", "false", False),
        ("cert-manager.io/cluster-issuer", "letsencrypt", True),
        ("cert-manager.io/issuer", "letsencrypt", True),
        (f"{T}/router.tls.certresolver", "le", True),
    ],
)
def test_a_certificate_is_asked_for(name: str, value: str, asked: bool) -> None:
    assert name in HONOURED
    assert made({name: value}).acme is asked
