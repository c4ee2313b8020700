"""What is written out as nothing is the default, as in Kubernetes, and changes no pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.desired import desired
from reconciler.model.revision import Revision
from tests.manifests.build import deployment, lines, load, service
from tests.manifests.test_desired import FLEET, WEB

PROBE = "livenessProbe: {tcpSocket: {port: 80}"


ZEROES = "periodSeconds: 0, timeoutSeconds: 0, failureThreshold: 0, successThreshold: 0"
TOLERATED = "tolerations: [{key: a, value: b%s}]"
MOUNT = "volumeMounts: [{name: d, mountPath: /d%s}]"


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (("restartPolicy: ''\ndnsPolicy: ''\nhostname: ''\nnodeName: ''", ""), ("", "")),
        (("", "imagePullPolicy: ''\nterminationMessagePolicy: ''"), ("", "")),
        (
            ("", "ports: [{containerPort: 80, name: '', protocol: ''}]"),
            ("", "ports: [{containerPort: 80}]"),
        ),
        (("", f"{PROBE}, {ZEROES}}}"), ("", f"{PROBE}}}")),
        (
            ("", "readinessProbe: {httpGet: {port: 80, scheme: ''}}"),
            ("", "readinessProbe: {httpGet: {port: 80}}"),
        ),
        (
            ("volumes: [{name: d}]", MOUNT % ", recursiveReadOnly: Disabled"),
            ("volumes: [{name: d}]", MOUNT % ""),
        ),
        ((TOLERATED % ", operator: ''", ""), (TOLERATED % "", "")),
    ],
)
def test_of_a_pod(tmp_path: Path, given: tuple[str, str], plain: tuple[str, str]) -> None:
    found = []
    for pod, container in (given, plain):
        loaded = load(tmp_path, deployment(pod, container=container))
        assert lines(loaded) == []
        found.append(desired(FLEET, Revision(id="1"), loaded.objects).hashes[WEB])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "spec",
    [
        "type: ''\nsessionAffinity: ''\nports: [{port: 80, protocol: ''}]",
        "ports: [{port: 80, targetPort: 0}]",
        "ports: [{port: 80, targetPort: ''}]",
    ],
)
def test_of_a_service(tmp_path: Path, spec: str) -> None:
    loaded = load(tmp_path, deployment(), service(spec))
    assert lines(loaded) == []
    (found,) = (item for item in loaded.objects if item.kind == "Service")
    (plain,) = (item for item in load(tmp_path, deployment(), service()).objects if item.kind == "Service")
    assert found == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (deployment("restartPolicy: ''", container="comand: [a]"), 'unknown field "comand"'),
        (
            deployment(container="securityContext: {seccompProfile: {type: ''}}"),
            'found ""',
        ),
        (deployment().replace("labels: {app: web}", "labels: {app: web, protocol: ''}", 1), ""),
        (deployment(spec="strategy: {type: ''}"), ""),
        (deployment(spec="strategy: {type: Rolling}"), "expected one of Recreate"),
    ],
)
def test_all_else_is_judged_as_before(tmp_path: Path, text: str, expected: str) -> None:
    found = lines(load(tmp_path, text))
    assert len(found) == bool(expected), found
    assert expected in "".join(found)
