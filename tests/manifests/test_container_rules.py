"""Every rule about one container that types can't say, and the words it is refused with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.build import assert_only, deployment, lines, load

C = "spec.template.spec.containers[0]"

CONTAINER = [
    ("env: [{name: A, value: true}]", f"{C}.env[0].value: expected a string, found true"),
    ("env: [{name: A, value: 8080}]", f"{C}.env[0].value: expected a string, found 8080"),
    ("env: [{name: 'A=B', value: x}]", f"{C}.env[0].name: expected the name of an environment variable"),
    ("env: [{name: A, valueFrom: {}}]", f"{C}.env[0].valueFrom: expected exactly one of configMapKeyRef"),
    (
        "env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
        f"{C}.env[0]: has both value and valueFrom",
    ),
    (
        "env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.image}}}]",
        f"{C}.env[0].valueFrom.fieldRef.fieldPath: expected a field of the pod",
    ),
    ("env: [{name: A, valueFrom: {fileKeyRef: {}}}]", f"{C}.env[0].valueFrom.fileKeyRef: not supported"),
    ("envFrom: [{prefix: X}]", f"{C}.envFrom[0]: expected exactly one of configMapRef, secretRef"),
    ("ports: [{containerPort: 70000}]", f"{C}.ports[0].containerPort: expected at most 65535, found 70000"),
    ("ports: [{containerPort: '80'}]", f'{C}.ports[0].containerPort: expected an integer, found "80"'),
    ("ports: [{name: WEB, containerPort: 80}]", f"{C}.ports[0].name: expected a port name"),
    (
        "ports: [{name: a, containerPort: 80}, {name: a, containerPort: 81}]",
        f'{C}.ports[1].name: a second port is called "a"',
    ),
    (
        "livenessProbe: {}",
        f"{C}.livenessProbe: expected exactly one of exec, httpGet, tcpSocket, grpc, found none",
    ),
    (
        "livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}",
        f"{C}.livenessProbe: expected exactly one of exec, httpGet, tcpSocket, grpc, found 2",
    ),
    ("livenessProbe: {exec: {}}", f"{C}.livenessProbe.exec.command: expected a program"),
    (
        "livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}",
        f"{C}.livenessProbe.successThreshold: expected 1, found 2",
    ),
    ("readinessProbe: {httpGet: {port: web}}", f'{C}.readinessProbe.httpGet.port: no port is called "web"'),
    (
        "readinessProbe: {httpGet: {port: '80'}}",
        f"{C}.readinessProbe.httpGet.port: expected a number or a name",
    ),
    ("readinessProbe: {tcpSocket: {port: 0}}", f"{C}.readinessProbe.tcpSocket.port: expected at least 1"),
    (
        "lifecycle: {preStop: {exec: {command: [a]}, sleep: {seconds: 1}}}",
        f"{C}.lifecycle.preStop: expected exactly one of exec, httpGet, sleep, found 2",
    ),
    ("volumeMounts: [{name: x, mountPath: /x}]", f'{C}.volumeMounts[0].name: no volume is called "x"'),
    (
        "resources: {limits: {memory: 64mb}}",
        f'{C}.resources.limits.memory: expected a quantity, found "64mb"',
    ),
    ("resources: {limits: {memory: 128m}}", f"{C}.resources.limits.memory: 128m is"),
    (
        "resources: {limits: {cpu: 1}, requests: {cpu: 1500m}}",
        f"{C}.resources.requests.cpu: 1500m is more than the limit, 1",
    ),
    ("resources: {claims: []}", f"{C}.resources.claims: not supported: dynamic resource"),
    (
        "imagePullPolicy: always",
        f'{C}.imagePullPolicy: expected one of Always, IfNotPresent, Never, found "always"',
    ),
    ("restartPolicy: Always", f"{C}.restartPolicy: is for init containers only"),
    (
        "securityContext: {runAsNonRoot: true, runAsUser: 0}",
        f"{C}.securityContext: runAsNonRoot is true and runAsUser is 0",
    ),
    (
        "securityContext: {privileged: true, allowPrivilegeEscalation: false}",
        f"{C}.securityContext.allowPrivilegeEscalation: can't be false together with privileged",
    ),
    (
        "securityContext: {seccompProfile: {type: Localhost, localhostProfile: a}}",
        f"{C}.securityContext.seccompProfile.type: Localhost isn't supported",
    ),
    (
        "securityContext: {appArmorProfile: {type: Localhost}}",
        f"{C}.securityContext.appArmorProfile.localhostProfile: is missing",
    ),
    ("resources: {requests: {memroy: 1Gi}}", f"{C}.resources.requests.memroy: Docker can give no memroy"),
    (
        "resources: {limits: {example.com/stick: 1}}",
        f"{C}.resources.limits[example.com/stick]: note: is counted, and gives the container no device",
    ),
    (
        "resources: {requests: {example.com/stick: 1}}",
        f"{C}.resources.requests[example.com/stick]: expected the same in requests and limits",
    ),
    (
        "resources: {limits: {example.com/stick: 500m}}",
        f"{C}.resources.limits[example.com/stick]: expected a whole number",
    ),
    (
        "resources: {limits: {hugepages-2Mi: 4Mi}}",
        f"{C}.resources.limits.hugepages-2Mi: Docker can give no hugepages-2Mi",
    ),
    (
        "resources: {limits: {ephemeral-storage: 1Gi}}",
        f"{C}.resources.limits.ephemeral-storage: note: has no effect",
    ),
    (
        "env: [{name: A, valueFrom: {resourceFieldRef: {resource: cpu}}}]",
        f"{C}.env[0].valueFrom.resourceFieldRef.resource: expected limits.cpu",
    ),
    (
        "securityContext: {windowsOptions: {}}",
        f"{C}.securityContext.windowsOptions: not supported: nodes run Linux",
    ),
    ("volumeDevices: []", f"{C}.volumeDevices: not supported: raw block devices"),
    ("resizePolicy: []", f"{C}.resizePolicy: not supported"),
    ("comand: [a]", f'{C}.comand: unknown field "comand"'),
    ("command: nginx", f'{C}.command: expected a list, found "nginx"'),
    ("args: [1]", f"{C}.args[0]: expected a string, found 1"),
    ("terminationMessagePath: /x", f"{C}.terminationMessagePath: note: has no effect"),
]


@pytest.mark.parametrize(("text", "expected"), CONTAINER)
def test_a_container(tmp_path: Path, text: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, deployment(container=text))), expected)
