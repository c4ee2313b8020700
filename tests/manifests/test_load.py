"""A whole tree: identity of unchanged objects, references, duplicates, Lists, the rules about nodes."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.inventory import load_fleet
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.capacity import Capacity
from reconciler.model.fleet import Fleet
from reconciler.model.pod import Pod
from reconciler.model.workload import Deployment
from tests.manifests.build import deployment, lines, load

P = "spec.template.spec"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n"


@pytest.fixture
def fleet() -> Fleet:
    return load_fleet(Path(__file__).parent / "fleet" / "nodes.yaml")


def test_unchanged_files_give_the_identical_objects(tmp_path: Path) -> None:
    cache = LoadCache()
    (tmp_path / "a.yaml").write_text(deployment(name="a"))
    (tmp_path / "b.yaml").write_text(deployment(name="b"))
    first = load_tree(tmp_path, cache=cache).objects
    (tmp_path / "b.yaml").write_text(deployment(name="b", spec="replicas: 2"))
    second = load_tree(tmp_path, cache=cache).objects
    assert second[0] is first[0]
    assert second[1] is not first[1]
    (tmp_path / "a.yaml").unlink()
    assert [item.metadata.name for item in load_tree(tmp_path, cache=cache).objects] == ["b"]


def test_findings_of_a_file_are_remembered_with_it(tmp_path: Path) -> None:
    cache = LoadCache()
    (tmp_path / "a.yaml").write_text(deployment(spec="replicas: x"))
    assert load_tree(tmp_path, cache=cache) == load_tree(tmp_path, cache=cache)


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    loaded = load(tmp_path, deployment("volumes: [{name: scratch}]"))
    item = loaded.objects[0]
    assert isinstance(item, Deployment)
    assert item.metadata.namespace == "default"
    assert item.spec.template.spec.volumes[0].empty_dir is not None


def test_lists_are_flattened_and_their_items_located(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: PodList\n  items:\n"
        "  - apiVersion: v1\n    kind: Pod\n    metadata: {name: p}\n    spec:\n"
        "      containers: [{name: a, image: 'a:1'}]\n"
        "- apiVersion: v1\n  kind: Secrett\n  metadata: {name: p}\n"
    )
    loaded = load(tmp_path, text)
    assert [type(item) for item in loaded.objects] == [Pod]
    assert [str(f) for f in loaded.findings] == [
        '0.yaml:13 kind: no kind is called "Secrett"\n  did you mean Secret?'
    ]


def test_duplicates_name_the_first(tmp_path: Path) -> None:
    found = load(tmp_path, deployment(), "---\n" + deployment()).findings
    assert [str(f) for f in found] == [
        (
            "1.yaml:5 metadata.name: Deployment default/web is defined twice, first in 0.yaml\n"
            "  remove or rename one of the two"
        )
    ]


def test_the_same_name_in_another_namespace_is_another_object(tmp_path: Path) -> None:
    assert lines(load(tmp_path, deployment(), deployment(meta="namespace: prod"))) == []


@pytest.mark.parametrize(
    ("container", "expected", "remedy"),
    [
        ("envFrom: [{configMapRef: {name: setings}}]", "there is no ConfigMap default/setings", "did you mean settings?"),
        ("envFrom: [{secretRef: {name: pw}}]", "there is no Secret default/pw", "add the Secret, or write optional"),
        ("envFrom: [{secretRef: {name: pw, optional: true}}]", "", ""),
        ("env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: level}}}]", "", ""),
        (
            "env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: levle}}}]",
            'ConfigMap default/settings has no key "levle"',
            "did you mean level?",
        ),
        (
            "env: [{name: A, valueFrom: {secretKeyRef: {name: pw, key: x}}}]",
            "there is no Secret default/pw",
            "add the Secret",
        ),
    ],
)  # fmt: skip
def test_what_a_container_reads_must_exist(
    tmp_path: Path, container: str, expected: str, remedy: str
) -> None:
    findings = load(tmp_path, CONFIG, deployment(container=container)).findings
    assert len(findings) == bool(expected)
    if expected:
        assert findings[0].message == expected
        assert findings[0].remedy.startswith(remedy)
        assert findings[0].severity == "error"


def test_a_missing_pull_secret_is_a_warning_and_is_never_optional(tmp_path: Path) -> None:
    """Kubernetes: imagePullSecrets has no `optional`."""
    findings = load(tmp_path, deployment("imagePullSecrets: [{name: pw}]")).findings
    assert [(f.severity, f.remedy) for f in findings] == [("warning", "add the Secret")]


def test_a_volume_says_once_that_its_source_is_missing(tmp_path: Path) -> None:
    pod = "volumes: [{name: v, configMap: {name: nope, items: [{key: a, path: a}, {key: b, path: b}]}}]"
    assert lines(load(tmp_path, deployment(pod))) == [
        f"{P}.volumes[0].configMap: there is no ConfigMap default/nope"
    ]


def test_a_missing_key_of_a_volume(tmp_path: Path) -> None:
    pod = "volumes: [{name: v, configMap: {name: settings, items: [{key: nope, path: a}]}}]"
    found = lines(load(tmp_path, CONFIG, deployment(pod)))
    assert found == [f'{P}.volumes[0].configMap.items[0].key: ConfigMap default/settings has no key "nope"']


def test_an_object_of_another_namespace_is_pointed_out(tmp_path: Path) -> None:
    other = CONFIG.replace("name: settings", "name: settings, namespace: prod")
    found = load(
        tmp_path, other, deployment(container="envFrom: [{configMapRef: {name: settings}}]")
    ).findings
    assert "it is in namespace prod" in found[0].remedy


def test_files_given_alone_may_read_what_stands_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(deployment(container="envFrom: [{configMapRef: {name: settings}}]"))
    findings = load_tree(tmp_path, [file]).findings
    assert [(f.severity, f.message) for f in findings] == [
        ("warning", "there is no ConfigMap default/settings in these files")
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("apiVersion: apps/v1\nkind: StatefulSet", "StatefulSet is a known kind, not supported yet"),
        ("apiVersion: v1\nkind: ServiceAccount", "ServiceAccount is a known kind, not supported yet"),
        (
            "apiVersion: extensions/v1beta1\nkind: Ingress",
            "Ingress belongs to networking.k8s.io/v1, found extensions/v1beta1",
        ),
        (
            "apiVersion: networking.k8s.io/v1beta1\nkind: Ingress",
            "Ingress belongs to networking.k8s.io/v1, found networking.k8s.io/v1beta1",
        ),
        (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy",
            "NetworkPolicy is a security promise that this version can't keep, so it is refused",
        ),
        (
            "apiVersion: serving.knative.dev/v1\nkind: Service",
            "unknown kind Service of serving.knative.dev/v1",
        ),
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Experiment",
            "Experiment is a known kind, not supported yet",
        ),
        (
            "apiVersion: extensions/v1beta1\nkind: Deployment",
            "Deployment belongs to apps/v1, found extensions/v1beta1",
        ),
        ("apiVersion: v1\nkind: Deployment", "Deployment belongs to apps/v1, found v1"),
        ("apiVersion: apps/v1\nkind: Deploymnet", 'no kind is called "Deploymnet"'),
        ("apiVersion: example.com/v1\nkind: Zorp", "unknown kind Zorp of example.com/v1"),
    ],
)
def test_other_kinds_are_errors(tmp_path: Path, kind: str, expected: str) -> None:
    loaded = load(tmp_path, kind + "\nmetadata: {name: x}\n")
    assert [f.message for f in loaded.errors] == [expected]
    assert loaded.errors[0].remedy


@pytest.mark.parametrize(
    ("pod", "spec", "expected"),
    [
        ("nodeName: pi-3", "", f'{P}.nodeName: no node is called "pi-3"'),
        ("nodeSelector: {disk: nvme}", "", f"{P}.nodeSelector: no node has disk=nvme"),
        (
            "nodeSelector: {kubernetes.io/hostname: pi-9}",
            "",
            f"{P}.nodeSelector: no node has kubernetes.io/hostname",
        ),
        ("nodeSelector: {kubernetes.io/arch: arm64}", "", ""),
        ("nodeSelector: {disk: ssd}", "", ""),
    ],
)
def test_a_place_that_no_node_offers(
    tmp_path: Path, fleet: Fleet, pod: str, spec: str, expected: str
) -> None:
    found = lines(load(tmp_path, deployment(pod, spec=spec), fleet=fleet))
    assert len(found) == bool(expected)
    assert all(line.startswith(expected) for line in found)


PORT = "ports: [{containerPort: 80, hostPort: 8080}]"


def test_two_workloads_hold_one_port_of_a_fixed_node(tmp_path: Path, fleet: Fleet) -> None:
    spec = "strategy: {type: Recreate}"
    one = deployment("nodeSelector: {disk: ssd}", container=PORT, name="one", spec=spec)
    two = deployment("nodeName: pi-1", container=PORT, name="two", spec=spec)
    three = deployment("nodeName: pi-2", container=PORT, name="three", spec=spec)
    found = lines(load(tmp_path, one, two, three, fleet=fleet))
    assert found == [
        f"{P}.containers[0].ports[0].hostPort: port 8080/TCP of pi-1 is taken by Deployment default/one"
    ]


def test_more_replicas_than_nodes_with_that_port(tmp_path: Path, fleet: Fleet) -> None:
    found = lines(load(tmp_path, deployment(container=PORT, spec="replicas: 4"), fleet=fleet))
    assert found == [
        f"{P}.containers[0].ports[0].hostPort: 4 replicas want port 8080 of a node each, and 3 can have it"
    ]


def test_a_rollout_that_can_never_start_is_a_warning(tmp_path: Path, fleet: Fleet) -> None:
    found = lines(load(tmp_path, deployment("nodeName: pi-1", container=PORT), fleet=fleet))
    assert found[0].startswith(
        f"{P}.containers[0].ports[0].hostPort: warning: a new pod can't have port 8080"
    )


def test_two_containers_hold_one_port_of_their_node(tmp_path: Path) -> None:
    more = "- {name: b, image: 'b:1', ports: [{containerPort: 81, hostPort: 8080}]}"
    text = deployment(container=PORT + "\n").rstrip() + "\n        " + more + "\n"
    assert "port 8080/TCP of the node is taken by container web" in lines(load(tmp_path, text))[0]


def test_requests_that_no_node_could_hold(tmp_path: Path, fleet: Fleet) -> None:
    (tmp_path / "a.yaml").write_text(deployment(container="resources: {requests: {memory: 16Gi, cpu: 2}}"))
    seen = {name: Capacity(cpu_milli=4000, memory=8 * 2**30) for name in ("pi-1", "pi-2", "nuc")}
    found = lines(load_tree(tmp_path, fleet=fleet, capacity=seen))
    assert found == [f"{P}.containers: requests 16Gi together, and the largest node has 8Gi"]
    del seen["nuc"]
    assert lines(load_tree(tmp_path, fleet=fleet, capacity=seen)) == []
