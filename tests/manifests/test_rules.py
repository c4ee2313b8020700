"""Every rule that types can't say, and the words it is refused with."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.load import load_tree
from tests.manifests.build import assert_only, deployment, lines, load

C = "spec.template.spec.containers[0]"
P = "spec.template.spec"

POD = [
    (
        "securityContext: {appArmorProfile: {type: Unconfined, localhostProfile: a}}",
        f"{P}.securityContext.appArmorProfile.localhostProfile: isn't allowed with type Unconfined",
    ),
    ("restartPolicy: Never", f"{P}.restartPolicy: expected Always, found Never"),
    ("activeDeadlineSeconds: 5", f"{P}.activeDeadlineSeconds: not supported"),
    (
        "volumes: [{name: a, emptyDir: {}, hostPath: {path: /x}}]",
        f"{P}.volumes[0]: expected exactly one of emptyDir, hostPath",
    ),
    (
        "volumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]",
        f'{P}.volumes[1].name: a second volume is called "a"',
    ),
    (
        "volumes: [{name: a, persistentVolumeClaim: {claimName: x}}]",
        f"{P}.volumes[0].persistentVolumeClaim: not supported: it comes with PersistentVolumeClaim",
    ),
    ("volumes: [{name: a, csi: {driver: x}}]", f"{P}.volumes[0].csi: not supported"),
    (
        "volumes: [{name: a, hostPath: {path: data}}]",
        f"{P}.volumes[0].hostPath.path: expected an absolute path",
    ),
    (
        "volumes: [{name: a, projected: {sources: [{serviceAccountToken: {path: t}}]}}]",
        f"{P}.volumes[0].projected.sources[0].serviceAccountToken: not supported",
    ),
    (
        "volumes: [{name: a, configMap: {name: c, optional: true, items: [{key: k, path: ../x}]}}]",
        f"{P}.volumes[0].configMap.items[0].path: expected a relative path without '..'",
    ),
    (
        "initContainers: [{name: web, image: 'a:1'}]",
        f'{P}.containers[0].name: a second container is called "web"',
    ),
    (
        "initContainers: [{name: i, image: 'a:1', readinessProbe: {tcpSocket: {port: 1}}}]",
        f"{P}.initContainers[0].readinessProbe: isn't allowed on an init container",
    ),
    ("initContainers: [{name: i}]", f"{P}.initContainers[0].image: is missing, expected an image"),
    ("tolerations: [{value: x}]", f"{P}.tolerations[0].operator: expected Exists when there is no key"),
    (
        "tolerations: [{key: a, operator: Exists, value: x}]",
        f"{P}.tolerations[0].value: isn't allowed with operator Exists",
    ),
    (
        "tolerations: [{key: a, operator: Exists, tolerationSeconds: 5}]",
        f"{P}.tolerations[0].tolerationSeconds: is for the effect NoExecute only",
    ),
    ("hostAliases: [{ip: localhost}]", f"{P}.hostAliases[0].ip: expected an IP address"),
    (
        "volumes: [{name: v, emptyDir: {sizeLimit: 1Gi}}]",
        f"{P}.volumes[0].emptyDir.sizeLimit: note: has no effect: Docker keeps no limit",
    ),
    (
        (
            "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "[{topologyKey: zone, namespaceSelector: {matchLabels: {team: a}}}]}}"
        ),
        (
            f"{P}.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].namespaceSelector: "
            "selects namespaces by team, and they are known by name only"
        ),
    ),
    (
        "dnsPolicy: Default\ndnsConfig: {nameservers: [1.1.1.1]}",
        f"{P}.dnsConfig.nameservers: note: take the place of the node's own",
    ),
    ("os: {name: windows}", f"{P}.os.name: expected linux, found windows"),
    ("nodeSelector: {'a b': c}", f"{P}.nodeSelector[a b]: the key should be a name"),
    ("ephemeralContainers: []", f"{P}.ephemeralContainers: not supported"),
    ("schedulingGates: []", f"{P}.schedulingGates: not supported"),
    ("serviceAccountName: x", f"{P}.serviceAccountName: note: has no effect"),
    ("priorityClassName: x", f"{P}.priorityClassName: note: has no effect"),
    ("enableServiceLinks: false", f"{P}.enableServiceLinks: note: has no effect"),
    ("automountServiceAccountToken: false", f"{P}.automountServiceAccountToken: note: has no effect"),
    ("schedulerName: mine", f"{P}.schedulerName: note: has no effect"),
    (
        "imagePullSecrets: [{name: pull}]",
        f"{P}.imagePullSecrets[0]: warning: there is no Secret default/pull",
    ),
    (
        (
            "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In}]}]}}}"
        ),
        (
            f"{P}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
            ".matchExpressions[0].values: expected at least one value"
        ),
    ),
]

SPEC = [
    ("replicas: three", 'spec.replicas: expected an integer, found "three"'),
    ("replicas: -1", "spec.replicas: expected at least 0, found -1"),
    (
        "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}",
        "spec.strategy.rollingUpdate: maxSurge and maxUnavailable are both 0",
    ),
    (
        "strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}",
        "spec.strategy.rollingUpdate: isn't allowed with type Recreate",
    ),
    ("replicas: 3.0", "spec.replicas: expected an integer, found 3.0"),
    ("strategy: {rollingUpdate: {maxSurge: -120%}}", "spec.strategy.rollingUpdate.maxSurge: expected"),
    (
        "strategy: {rollingUpdate: {maxUnavailable: 120%}}",
        "spec.strategy.rollingUpdate.maxUnavailable: expected",
    ),
    (
        "minReadySeconds: 700",
        "spec.progressDeadlineSeconds: expected more than minReadySeconds (700), found 600",
    ),
    ("strategy: RollingUpdate", 'spec.strategy: expected a mapping, found "RollingUpdate"'),
]


@pytest.mark.parametrize(("text", "expected"), POD)
def test_a_pod(tmp_path: Path, text: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, deployment(text))), expected)


@pytest.mark.parametrize(("text", "expected"), SPEC)
def test_a_deployment(tmp_path: Path, text: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, deployment(spec=text))), expected)


def test_the_plain_one_is_right(tmp_path: Path) -> None:
    assert lines(load(tmp_path, deployment())) == []


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ("labels: {a: 'b c'}", "metadata.labels.a: expected a label value"),
        ("annotations: {'a b': c}", "metadata.annotations[a b]: the key should be"),
        ("namespace: Prod", "metadata.namespace: expected a DNS label"),
        ("uid: x", "metadata.uid: note: has no effect"),
        ("finalizers: [x]", "metadata.finalizers: note: has no effect"),
    ],
)
def test_metadata(tmp_path: Path, meta: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, deployment(meta=meta))), expected)


def test_a_selector_has_to_match_its_template(tmp_path: Path) -> None:
    text = deployment().replace("labels: {app: web}", "labels: {app: api}")
    assert_only(
        lines(load(tmp_path, text)),
        "spec.selector.matchLabels.app: selects app=web, but the template has app",
    )


def test_an_empty_selector_is_refused(tmp_path: Path) -> None:
    text = deployment().replace("selector: {matchLabels: {app: web}}", "selector: {}")
    assert_only(lines(load(tmp_path, text)), "spec.selector: is empty")


def test_generated_names_are_refused(tmp_path: Path) -> None:
    text = deployment().replace("  name: web\n", "  generateName: web-\n", 1)
    assert_only(lines(load(tmp_path, text)), "metadata.generateName: an object needs the same name")


@pytest.mark.parametrize(
    ("image", "warned"),
    [
        ("nginx", True), ("nginx:latest", True), ("registry:5000/nginx", True), ("nginx:1.29", False),
        ("registry:5000/a/nginx:1", False), ("nginx@sha256:" + "0" * 64, False), ("nginx:latest@sha256:" + "0" * 64, False),
    ],
)  # fmt: skip
def test_an_image_without_a_version_is_a_warning(tmp_path: Path, image: str, warned: bool) -> None:
    found = lines(load(tmp_path, deployment().replace("nginx:1.29", image)))
    assert [line.startswith(f"{C}.image: warning:") for line in found] == [True] * warned


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SECRET + "data: {pw: hunter2!}", "data.pw: isn't base64"),
        (SECRET + "data: {pw: 31415926}", "data.pw: expected a string"),
        (SECRET + "stringData: {pw: 31415926}", "stringData.pw: expected a string"),
        (SECRET + "stringData: {pw: [hunter2]}", "stringData.pw: expected a string"),
        (SECRET + "stringData: hunter2", "stringData: expected a mapping"),
        (SECRET + "stringData: {'hunter2 x': z}", "stringData: a key should be a file name"),
        (SECRET + "type: kubernetes.io/tls", "type: a Secret of type kubernetes.io/tls has no key tls.crt"),
        (
            SECRET + "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: hunter2}",
            "stringData[.dockerconfigjson]: isn't JSON",
        ),
        (SECRET + "data: {pw: 'ENC[hunter2]'}\nsops: {mac: hunter2}", "sops: is encrypted with sops"),
    ],
)
def test_a_secret_is_checked_and_its_values_never_shown(tmp_path: Path, text: str, expected: str) -> None:
    loaded = load(tmp_path, text)
    assert lines(loaded)[0].startswith(expected)
    shown = repr(loaded.findings) + "".join(map(str, loaded.findings))
    assert "hunter2" not in shown
    assert "31415926" not in shown


def test_config_maps(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    found = lines(load(tmp_path, text + "data: {a: 1, b/c: x}\nbinaryData: {d: '!'}"))
    assert found == [
        "data.a: expected a string, found 1",
        'data[b/c]: the key should be a file name, found "b/c"',
    ]


def test_a_key_in_data_and_binary_data(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: x}\nbinaryData: {a: eA==, b: '!'}"
    assert sorted(lines(load(tmp_path, text))) == [
        "binaryData.a: stands in data and in binaryData",
        "binaryData.b: isn't base64",
    ]


def test_the_fixture_fleet_has_no_finding() -> None:
    loaded = load_tree(Path(__file__).parent / "fleet" / "apps")
    assert lines(loaded) == []
    assert [str(item.key) for item in loaded.objects] == [
        "Pod default/toolbox",
        "ReplicationController default/legacy",
        "Namespace vault",
        "Secret vault/vaultwarden",
        "ConfigMap vault/vaultwarden",
        "Deployment vault/vaultwarden",
        "ReplicaSet default/whoami",
    ]


def test_a_volume_in_memory_is_mounted_whole(tmp_path: Path) -> None:
    text = deployment(
        "volumes: [{name: v, emptyDir: {medium: Memory}}]",
        container="volumeMounts: [{name: v, mountPath: /v, subPath: a}]",
    )
    assert_only(lines(load(tmp_path, text)), f"{C}.volumeMounts[0].subPath: v is an emptyDir in memory")


def test_control_characters_never_reach_a_terminal(tmp_path: Path) -> None:
    text = deployment(spec='replicas: "\\e[31mthree\\nx"\n"\\e[2Jx": 1')
    shown = "".join(str(finding) for finding in load(tmp_path, text).findings)
    assert "\x1b" not in shown
    assert r"\x1b[31mthree" in shown


def test_one_note_a_field_however_many_containers_have_it(tmp_path: Path) -> None:
    more = "\n        - {name: b, image: 'b:1', terminationMessagePath: /x}\n"
    text = deployment(container="terminationMessagePath: /x").rstrip() + more
    assert_only(lines(load(tmp_path, text)), f"{C}.terminationMessagePath: note: has no effect")
