"""Which certificates a revision's Ingresses ask for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reconciler.certificates import Wish, wanted
from reconciler.model.fleet import ACMESpec
from reconciler.model.ingress import IngressTLS
from tests.certificates.site import ASKS, desired, ingress, secret

ACME = ACMESpec()


def wish(*hosts: str, name: str = "web-tls", namespace: str = "default") -> Wish:
    return Wish(namespace=namespace, secret=name, hosts=hosts)


@pytest.mark.parametrize(
    "annotations",
    [ASKS, {"cert-manager.io/issuer": "x"}, {"kubernetes.io/tls-acme": "true"}],
    ids=["cluster-issuer", "issuer", "tls-acme"],
)
def test_each_annotation_that_asks(annotations: dict[str, str]) -> None:
    found = wanted(desired(ingress(annotations=annotations), spec=ACME))
    assert found.certificates == (wish("web.example.org"),)
    assert found.problems == ()


def test_who_does_not_ask_gets_none() -> None:
    assert wanted(desired(ingress(annotations={}), spec=ACME)).certificates == ()


def test_a_secret_from_a_manifest_is_left_alone() -> None:
    found = wanted(desired(ingress(), spec=ACME, secrets=(secret(),)))
    assert (found.certificates, found.problems) == ((), ())


def test_a_shared_secret_has_everybodys_hosts() -> None:
    wants = desired(
        ingress("b", hosts=("b.example.org", "A.example.org")),
        ingress("a", hosts=("a.example.org",)),
        ingress("c", hosts=("c.example.org",), namespace="other"),
        spec=ACME,
    )
    assert wanted(wants).certificates == (
        wish("a.example.org", "b.example.org"),
        wish("c.example.org", namespace="other"),
    )


def test_a_wildcard_is_refused_in_words_and_the_others_are_had() -> None:
    found = wanted(desired(ingress(hosts=("*.example.org", "web.example.org")), spec=ACME))
    assert found.certificates == (wish("web.example.org"),)
    assert len(found.problems) == 1
    assert found.problems[0] == (
        "Ingress default/web: no certificate for *.example.org: a wildcard can't be had by HTTP-01; "
        "name each host, or give the Secret in a manifest"
    )
    assert wanted(desired(ingress(hosts=("*.example.org",)), spec=ACME)).certificates == ()


@pytest.mark.parametrize("host", ["mañana.example.org", "a/b", "", "a b.org", "x" * 64 + ".org", "1.2.3.4"])
def test_a_host_that_is_no_name(host: str) -> None:
    found = wanted(desired(ingress(hosts=(host,)), spec=ACME))
    assert found.certificates == ()
    assert len(found.problems) == 1
    assert "isn't a DNS name" in found.problems[0]


@pytest.mark.parametrize("name", ["../../etc", "a/b", "Web"])
def test_a_secret_name_that_leads_elsewhere(name: str) -> None:
    found = wanted(desired(ingress(secret=name), spec=ACME))
    assert found.certificates == ()
    assert "isn't a Secret's name" in found.problems[0]


@pytest.mark.parametrize("tls", [(), (IngressTLS(hosts=("a.b",)),), (IngressTLS(secret_name="x"),)])
def test_an_entry_that_does_not_say_enough(tls: tuple[IngressTLS, ...]) -> None:
    found = wanted(desired(ingress(tls=tls), spec=ACME))
    assert found.certificates == ()
    assert "give each entry of spec.tls its hosts and a secretName" in found.problems[0]


@pytest.mark.programs
def test_nothing_heavy_is_imported_before_a_certificate_is_obtained() -> None:
    heavy = {"acme", "josepy", "requests", "cryptography"}
    code = f"import sys, reconciler.certificates; print(*({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_fleet_without_a_server() -> None:
    found = wanted(desired(ingress(), spec=None))
    assert found.certificates == ()
    assert "set spec.network.ingress.acme" in found.problems[0]
