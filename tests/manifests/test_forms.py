"""Free text that ends up in a file, a command, a header or a field of Docker's: its form is checked."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.build import assert_only, deployment, lines, load, template

P = "spec.template.spec"
C = f"{P}.containers[0]"

POD = [
    ('tolerations: [{key: "a\\nb", operator: Exists}]', "tolerations[0].key: expected a name such as app"),
    ('tolerations: [{key: a, value: "b c"}]', "tolerations[0].value: expected a label value"),
    (
        'hostAliases: [{ip: 192.0.2.1, hostnames: ["a\\n203.0.113.9 bank.example"]}]',
        "hostAliases[0].hostnames[0]: expected a DNS name",
    ),
    (
        'hostAliases: [{ip: 192.0.2.1, hostnames: ["a:192.0.2.9"]}]',
        "hostAliases[0].hostnames[0]: expected a DNS name",
    ),
    ('hostAliases: [{ip: "fe80::1%\\nx", hostnames: [a]}]', "hostAliases[0].ip: expected an IP address"),
    (
        'dnsConfig: {nameservers: ["192.0.2.1\\noptions x"]}',
        "dnsConfig.nameservers[0]: expected an IP address",
    ),
    (
        "dnsConfig: {nameservers: [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4]}",
        "dnsConfig.nameservers: expected at most 3 of them",
    ),
    ('dnsConfig: {searches: ["a b"]}', "dnsConfig.searches[0]: expected a domain"),
    ('dnsConfig: {searches: ["a\\nnameserver 192.0.2.1"]}', "dnsConfig.searches[0]: expected a domain"),
    (
        f"dnsConfig: {{searches: [{', '.join(f'd{n}' for n in range(33))}]}}",
        "dnsConfig.searches: expected at most 32 of them",
    ),
    (
        'dnsConfig: {options: [{name: "ndots:1\\nnameserver"}]}',
        "dnsConfig.options[0].name: expected an option",
    ),
    ('dnsConfig: {options: [{name: ""}]}', "dnsConfig.options[0].name: expected an option"),
    (
        'dnsConfig: {options: [{name: ndots, value: "2 debug"}]}',
        "dnsConfig.options[0].value: expected an option's value",
    ),
    (
        'volumes: [{name: v, nfs: {server: "nas,sec=none", path: /x}}]',
        "volumes[0].nfs.server: expected a host name or an IP address",
    ),
    (
        'volumes: [{name: v, nfs: {server: "nas\\n", path: /x}}]',
        "volumes[0].nfs.server: expected a host name or an IP address",
    ),
    (
        "volumes: [{name: v, nfs: {server: nas, path: /x/../y}}]",
        "volumes[0].nfs.path: expected a path without '..'",
    ),
    (
        'volumes: [{name: v, nfs: {server: nas, path: "/x\\ny"}}]',
        "volumes[0].nfs.path: expected a path without control characters",
    ),
    (
        'volumes: [{name: v, hostPath: {path: "/x\\ty"}}]',
        "volumes[0].hostPath.path: expected a path without control characters",
    ),
    (
        'volumes: [{name: v, configMap: {name: c, optional: true, items: [{key: k, path: "a\\nb"}]}}]',
        "volumes[0].configMap.items[0].path: expected a path without control characters",
    ),
    (
        'securityContext: {sysctls: [{name: "net.core\\nx", value: "1"}]}',
        "securityContext.sysctls[0].name: expected a sysctl",
    ),
    (
        'securityContext: {sysctls: [{name: net.core.somaxconn, value: "1\\n2"}]}',
        "securityContext.sysctls[0].value: expected one line of text",
    ),
    (
        "securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}, {name: net/core/somaxconn, value: '2'}]}",
        "securityContext.sysctls[1].name: net.core.somaxconn is set twice",
    ),
    (
        """securityContext: {seLinuxOptions: {level: 's0",rw'}}""",
        "securityContext.seLinuxOptions.level: expected part of an SELinux context",
    ),
    (
        'securityContext: {appArmorProfile: {type: Localhost, localhostProfile: "a b"}}',
        "securityContext.appArmorProfile.localhostProfile: expected a profile's name",
    ),
    (
        "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: unconfined}}",
        "securityContext.appArmorProfile.localhostProfile: expected a profile's name",
    ),
]
CONTAINER = [
    ('command: ["a\\0b"]', "command[0]: holds a NUL byte"),
    ('args: [a, "\\0"]', "args[1]: holds a NUL byte"),
    ('env: [{name: A, value: "a\\0b"}]', "env[0].value: holds a NUL byte"),
    ('readinessProbe: {httpGet: {port: 80, host: "a\\nb"}}', "readinessProbe.httpGet.host: expected a host name or an IP address"),
    ("readinessProbe: {httpGet: {port: 80, host: 'a:80'}}", "readinessProbe.httpGet.host: expected a host name or an IP address"),
    ("livenessProbe: {tcpSocket: {port: 80, host: 'a b'}}", "livenessProbe.tcpSocket.host: expected a host name or an IP address"),
    ('readinessProbe: {httpGet: {port: 80, path: "/\\r\\nX: y"}}', "readinessProbe.httpGet.path: expected a path without control characters"),
    ('readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: X, value: "a\\r\\nHost: b"}]}}', "readinessProbe.httpGet.httpHeaders[0].value: holds characters that no header can have"),
    ('lifecycle: {preStop: {httpGet: {port: 80, host: "a/b"}}}', "lifecycle.preStop.httpGet.host: expected a host name or an IP address"),
    ("lifecycle: {stopSignal: 'SIGTERM,KILL'}", "lifecycle.stopSignal: expected the name of a signal"),
    ("lifecycle: {stopSignal: TERM}", "lifecycle.stopSignal: expected the name of a signal"),
    ("ports: [{containerPort: 80, hostPort: 80, hostIP: '192.0.2.1:81'}]", "ports[0].hostIP: expected an IP address"),
    ("env: [{name: 'MÜLL', value: x}]", "env[0].name: expected the name of an environment variable"),
    ("envFrom: [{prefix: 'A=', configMapRef: {name: c, optional: true}}]", "envFrom[0].prefix: expected the name of an environment variable"),
    ("workingDir: data", "workingDir: expected an absolute path"),
    ("volumeMounts: [{name: v, mountPath: /}]", "volumeMounts[0].mountPath: expected a path below /"),
    ('volumeMounts: [{name: v, mountPath: "/a\\nb"}]', "volumeMounts[0].mountPath: expected a path without control characters"),
    ('volumeMounts: [{name: v, mountPath: /a, subPath: "x\\ny"}]', "volumeMounts[0].subPath: expected a path without control characters"),
    ("securityContext: {seLinuxOptions: {type: 'a b'}}", "securityContext.seLinuxOptions.type: expected part of an SELinux context"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), POD)
def test_of_a_pod(tmp_path: Path, text: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, deployment(text))), f"{P}.{expected}")


@pytest.mark.parametrize(("text", "expected"), CONTAINER)
def test_of_a_container(tmp_path: Path, text: str, expected: str) -> None:
    volumes = "volumes: [{name: v, emptyDir: {}}]"
    assert_only(lines(load(tmp_path, deployment(volumes, container=text))), f"{C}.{expected}")


def test_what_people_write_is_taken(tmp_path: Path) -> None:
    pod = """\
hostAliases: [{ip: "2001:db8::1", hostnames: [nas, nas.example.net]}]
dnsConfig:
  nameservers: [192.0.2.53, "2001:db8::53"]
  searches: [example.net, _tcp.example.net., .]
  options: [{name: ndots, value: "2"}, {name: single-request-reopen}]
securityContext:
  sysctls: [{name: net.ipv4.ip_local_port_range, value: "1024\\t65535"}, {name: net/ipv4/tcp_syncookies, value: "1"}]
  seLinuxOptions: {level: "s0:c123,c456", type: container_t}
  appArmorProfile: {type: Localhost, localhostProfile: k8s-apparmor-example}
volumes: [{name: v, nfs: {server: NAS_1.local, path: "/volume 1/a,b"}}, {name: w, nfs: {server: "2001:db8::2", path: /}}]
"""
    container = """\
workingDir: /srv/my app
env: [{name: 1-st.VAR, value: "a\\nb"}]
readinessProbe: {httpGet: {port: 80, path: "/größe?x=1 2", host: 192.0.2.7, httpHeaders: [{name: X-Who, value: "größe\\tx"}]}}
livenessProbe: {tcpSocket: {port: 80, host: Db_1.example.net}}
lifecycle: {stopSignal: SIGRTMIN+3}
ports: [{containerPort: 80, hostIP: "2001:db8::3", hostPort: 80}]
"""
    assert lines(load(tmp_path, deployment(pod, container=container))) == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("REG/Web:v1", "the name has to be in lower case"),
        ("web:v1:v2", '"v1:v2" is no tag'),
        ("http://REG/web:v1", "an image has no scheme"),
        (f"web@sha256:{'0' * 63}", "the digest has 63 characters, expected 64 hexadecimal digits"),
        ("web@sha256", '"sha256" is no digest'),
    ],
)
def test_an_image_that_could_never_start(tmp_path: Path, image: str, expected: str) -> None:
    text = deployment().replace("nginx:1.29", f"'{image}'")
    assert_only(lines(load(tmp_path, text)), f'{C}.image: expected an image, found "{image[:57]}')
    assert expected in lines(load(tmp_path, text))[0]


def test_arguments_stand_for_what_has_the_right_form(tmp_path: Path) -> None:
    pod = "hostAliases: [{ip: 192.0.2.1, hostnames: ['%s']}], containers: [{name: a, image: '%s'}]"
    provider = "{job: {spec: {template: {spec: {restartPolicy: Never, %s}}}}}"
    given = "args: [{name: name}, {name: tag}]"
    good = provider % (pod % ("{{args.name}}.example.net", "web:{{args.tag}}"))
    assert lines(load(tmp_path, template(provider=good, spec=given))) == []
    bad = provider % (pod % ("{{args.name}} b", "Web:{{args.tag}}"))
    found = lines(load(tmp_path, template(provider=bad, spec=given)))
    assert [text in "\n".join(found) for text in ('"{{args.name}} b"', '"Web:{{args.tag}}"')] == [True, True]


SLICE = """apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.9], nodeName: %s}]
ports: [{name: %s, port: 81, appProtocol: %s}]
"""


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (('"a\\nb"', "x", "http"), "endpoints[0].nodeName: expected a DNS name"),
        (("a", '"x y"', "http"), "ports[0].name: expected a DNS label"),
        (("a", "x", '"a b"'), "ports[0].appProtocol: expected a name such as app"),
    ],
)
def test_of_addresses_by_hand(tmp_path: Path, parts: tuple[str, ...], expected: str) -> None:
    found = lines(load(tmp_path, SLICE % parts))
    assert len([line for line in found if line.startswith(expected)]) == 1, found
