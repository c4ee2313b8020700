"""Rules about Ingresses: hosts, paths, backends, certificates; and what becomes of their annotations."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fleet.tls import pair
from tests.manifests.build import assert_only, deployment, ingress, lines, load, service

WEB = (deployment(), service("ports: [{port: 80, name: http}, {port: 53, name: dns, protocol: UDP}]"))
P = "spec.rules[0].http.paths[0]"
TLS = "tls: [{hosts: [a.lan], secretName: cert}]"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: cert}\nstringData:\n"
ONE, TWO = pair("a.lan"), pair("b.lan")


def cert(certificate: str, key: str) -> str:
    return SECRET + "  " + json.dumps({"tls.crt": certificate, "tls.key": key, "other": "hunter2"})


def path(service: str = "{name: web, port: {number: 80}}", *, of: str = "/", kind: str = "Prefix") -> str:
    return f"{{path: '{of}', pathType: {kind}, backend: {{service: {service}}}}}"


PATHS = [
    (path(of="web"), f"{P}.path: expected an absolute path, found"),
    (path(of="/a//b"), f"{P}.path: expected a path without //"),
    (path(of="/a/../b"), f"{P}.path: expected a path without /.."),
    (path(of="/a/."), f"{P}.path: expected a path without /."),
    (path(of="/a%2Fb"), f"{P}.path: expected a path without %2F"),
    (path(of="/a/../b", kind="ImplementationSpecific"), ""),
    (path(of="/a%0Ab", kind="ImplementationSpecific"), f"{P}.path: expected a path without control characters"),
    (path(of="", kind="ImplementationSpecific"), ""),
    (path(of="", kind="Exact"), f"{P}.path: expected an absolute path, found"),
    (path(of="/a(/|$)(.*)", kind="ImplementationSpecific"), f"{P}.path: warning: "),
    (path(kind="Regex"), f"{P}.pathType: expected one of"),
    ("{path: /, backend: {service: {name: web, port: {number: 80}}}}", f"{P}.pathType: is missing"),
    (path("{name: web}"), f"{P}.backend.service.port: expected exactly one of name, number"),
    (path("{name: web, port: {number: 80, name: http}}"), f"{P}.backend.service.port: expected exactly one of name, number"),
    ("{path: /, pathType: Prefix, backend: {}}", f"{P}.backend.service: is missing, expected a Service"),
    ("{path: /, pathType: Prefix, backend: {resource: {kind: Bucket, name: x}}}", f"{P}.backend.resource: not supported: an Ingress leads to Services only"),
    (path("{name: wbe, port: {number: 80}}"), f"{P}.backend.service.name: warning: there is no Service default/wbe"),
    (path("{name: web, port: {number: 81}}"), f"{P}.backend.service.port: warning: Service default/web has no TCP port 81"),
    (path("{name: web, port: {name: https}}"), f"{P}.backend.service.port: warning: Service default/web has no TCP port https"),
    (path("{name: web, port: {name: dns}}"), f"{P}.backend.service.port: warning: Service default/web has no TCP port dns"),
    (path("{name: out, port: {number: 80}}"), f"{P}.backend.service.name: warning: Service default/out is of type ExternalName"),
    (path("{name: web, port: {name: http}}", of="/api", kind="Exact"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PATHS)
def test_a_path(tmp_path: Path, text: str, expected: str) -> None:
    outside = service("type: ExternalName\nexternalName: a.example.com", name="out")
    found = lines(load(tmp_path, *WEB, outside, ingress(path=text)))
    assert len(found) == bool(expected), found
    assert all(line.startswith(expected) for line in found)


def test_the_old_form_of_a_backend_is_told_from_a_misspelling(tmp_path: Path) -> None:
    old = "{path: /, pathType: Prefix, backend: {serviceName: web, servicePort: 80}}"
    found = lines(load(tmp_path, *WEB, ingress(path=old)))
    assert [line.split(": ")[1] for line in found] == ["not supported", "not supported"]
    assert "v1 has service.name" in found[0]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("*.home.lan", ""),
        ("a.lan:8080", "spec.rules[0].host: expected a DNS name"),
        ("A.lan", "spec.rules[0].host: expected a DNS name"),
        ("a.*.lan", "spec.rules[0].host: expected a DNS name"),
        ("10.0.0.5", "spec.rules[0].host: expected a DNS name, found the address"),
    ],
)
def test_a_host(tmp_path: Path, host: str, expected: str) -> None:
    found = lines(load(tmp_path, *WEB, ingress(host=host)))
    assert len(found) == bool(expected), found
    assert all(line.startswith(expected) for line in found)


def test_an_empty_ingress_and_one_with_a_default(tmp_path: Path) -> None:
    head = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, annotations: null}\n"
    default = "spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n"
    assert lines(load(tmp_path, *WEB, head + default)) == []
    assert_only(lines(load(tmp_path, *WEB, head)), "spec: has neither rules nor defaultBackend")


def test_classes_are_accepted(tmp_path: Path) -> None:
    kind = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\n"
    found = lines(
        load(
            tmp_path,
            *WEB,
            kind + "spec: {controller: k8s.io/ingress-nginx}",
            ingress(spec="ingressClassName: nginx"),
        )
    )
    assert [line.split(" there")[0] for line in found] == [
        "spec: note: has no effect:",
        "spec.ingressClassName: note: has no effect:",
    ]


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (cert(ONE.certificate, ONE.key), ""),
        (cert(ONE.certificate + TWO.certificate, ONE.key), ""),
        (cert(TWO.certificate + ONE.certificate, ONE.key), "spec.tls[0].secretName: Secret default/cert has a tls.crt in which the chain comes first"),
        (cert(TWO.certificate, ONE.key), "spec.tls[0].secretName: Secret default/cert has a tls.key of another certificate than tls.crt"),
        (cert(ONE.certificate[:200], ONE.key), "spec.tls[0].secretName: Secret default/cert has a tls.crt that can't be read"),
        (cert(ONE.certificate, "-----BEGIN PRIVATE KEY----- hunter2"), "spec.tls[0].secretName: Secret default/cert has a tls.key that can't be read"),
        (WEB[0].replace("name: web", "name: filler"), "spec.tls[0].secretName: warning: there is no Secret default/cert, so its hosts"),
        (SECRET + "  tls.crt: x\n  tls.key: '-----BEGIN PRIVATE KEY-----'\n", "spec.tls[0].secretName: tls.crt of Secret default/cert isn't PEM"),
        (SECRET + "  tls.key: '-----BEGIN PRIVATE KEY-----'\n", "spec.tls[0].secretName: Secret default/cert has no key tls.crt"),
    ],
)  # fmt: skip
def test_a_certificate(tmp_path: Path, secret: str, expected: str) -> None:
    loaded = load(tmp_path, *WEB, secret, ingress(spec=TLS))
    found = lines(loaded)
    assert len(found) == bool(expected), found
    assert all(line.startswith(expected) for line in found)
    assert "hunter2" not in repr(loaded.findings)


def test_tls_without_a_secret_is_a_warning(tmp_path: Path) -> None:
    found = lines(load(tmp_path, *WEB, ingress(spec="tls: [{hosts: [a.lan]}]")))
    assert_only(found, "spec.tls[0].secretName: warning: is missing, so its hosts are served by plain HTTP")


def test_a_certificate_that_is_asked_for_needs_no_secret(tmp_path: Path) -> None:
    meta = "annotations: {cert-manager.io/cluster-issuer: letsencrypt}"
    assert lines(load(tmp_path, *WEB, ingress(spec=TLS, meta=meta))) == []


def test_one_route_in_two_ingresses(tmp_path: Path) -> None:
    exact = ingress(path=path(kind="Exact"), name="exact")
    found = lines(load(tmp_path, *WEB, ingress(name="one"), exact, ingress(name="two")))
    assert_only(found, f"{P}.path: warning: a.lan/ is served by Ingress default/one already")


N, T = "nginx.ingress.kubernetes.io", "traefik.ingress.kubernetes.io"

WRONG = [
    (f"{N}/ssl-redirect: 'no'", "expected true or false"),
    (f"{N}/backend-protocol: GRPC", "expected HTTP or HTTPS"),
    (f"{N}/whitelist-source-range: 10.0.0.0/33", "expected addresses or networks"),
    (f"{N}/whitelist-source-range: ''", "expected addresses or networks"),
    (f'{N}/whitelist-source-range: "fe80::1%a\\n  http-request return status 200/128"', "expected addresses or networks"),
    (f"{N}/proxy-read-timeout: '000000001{'9' * 5000}'", "expected a number of seconds"),
    (f"{N}/proxy-read-timeout: 60s", "expected a number of seconds"),
    (f"{T}/router.entrypoints: metrics", "expected web, websecure or both"),
    (f"{N}/auth-url: http://authelia", "protects what is served"),
    (f"{N}/auth-type: basic", "protects what is served"),
    (f"{N}/auth-tls-secret: a/b", "protects what is served"),
    (f"{N}/enable-modsecurity: 'true'", "protects what is served"),
    (f"{N}/enable-owasp-core-rules: 'true'", "protects what is served"),
    (f"{N}/denylist-source-range: 1.2.3.4", "protects what is served"),
    (f"{N}/enable-global-auth: 'true'", "protects what is served"),
    (f"{N}/configuration-snippet: 'deny all;'", "protects what is served"),
    (f"{N}/server-snippet: 'location /x {{ return 403; }}'", "protects what is served"),
    (f"{T}/router.middlewares: default-auth@kubernetescrd", "protects what is served"),
    (f"{T}/router.tls.options: default-mtls@kubernetescrd", "protects what is served"),
    ("haproxy.org/auth-type: basic-auth", "protects what is served"),
    ("haproxy.org/whitelist: 10.0.0.0/8", "protects what is served"),
    (f"{N}/rewrite-target: /$2", "warning: has no effect here"),
    (f"{N}/configuration-snippet: 'more_set_headers \"X: y\";'", "warning: has no effect here"),
    (f"{T}/router.priority: '5'", "warning: has no effect here"),
    (f"{N}/proxy-body-size: 50m", "note: has no effect: bodies of any size pass"),
    (f"{N}/force-ssl-redirect: 'true'", "warning: has no effect without spec.tls"),
    ("kubernetes.io/tls-acme: 'true'", "warning: has no effect without spec.tls"),
    ("cert-manager.io/issuer: x", "warning: has no effect without spec.tls"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "expected"), WRONG)
def test_an_annotation(tmp_path: Path, annotation: str, expected: str) -> None:
    name = annotation.split(": ", 1)[0]
    found = lines(load(tmp_path, *WEB, ingress(meta=f"annotations:\n  {annotation}")))
    assert_only(found, f"metadata.annotations[{name}]: {expected}")


def test_two_allow_lists_that_differ(tmp_path: Path) -> None:
    meta = f"annotations: {{{N}/whitelist-source-range: 10.0.0.0/8, {N}/allowlist-source-range: 10.0.0.1}}"
    found = lines(load(tmp_path, *WEB, ingress(meta=meta)))
    assert_only(found, f"metadata.annotations[{N}/allowlist-source-range]: says something else")


def test_annotations_that_are_right(tmp_path: Path) -> None:
    meta = f"""\
annotations:
  {N}/ssl-redirect: "false"
  {N}/force-ssl-redirect: "true"
  {N}/backend-protocol: "HTTPS"
  {N}/whitelist-source-range: "192.168.0.0/16, 10.0.0.5"
  {N}/proxy-read-timeout: "3600"
  {T}/router.entrypoints: websecure
  {T}/router.tls: "true"
  kubernetes.io/ingress.class: nginx
  gethomepage.dev/enabled: "true"
"""
    assert lines(load(tmp_path, *WEB, cert(ONE.certificate, ONE.key), ingress(meta=meta, spec=TLS))) == []
