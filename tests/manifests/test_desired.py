"""What a revision wants: template hashes that change exactly when pods must be replaced."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from reconciler.manifests.desired import DigestCache, desired
from reconciler.manifests.documents import Reader
from reconciler.manifests.judge import judge
from reconciler.manifests.load import load_tree
from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec
from reconciler.model.kinds import Object
from reconciler.model.meta import Key
from reconciler.model.revision import Revision
from tests.manifests.build import deployment, ingress, service

FLEET = Fleet(
    api_version="reconciler.io/v1", kind="Fleet", metadata=FleetMeta(name="home"), spec=FleetSpec(nodes=())
)
WEB = Key("Deployment", "default", "web")
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: x, b: z}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
READS_BOTH = (
    "envFrom: [{configMapRef: {name: c}}]\nenv: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]"
)


def objects(*texts: str) -> list[Object]:
    out = []
    for value in (value for text in texts for value in Reader(text).documents()):
        item, _ = judge(value)
        assert item is not None
        out.append(item)
    return out


def hash_of(*texts: str) -> str:
    return desired(FLEET, Revision(id="1"), objects(*texts)).hashes[WEB]


PLAIN = hash_of(deployment())


def test_a_hash_is_ten_hex_digits_and_never_changes_by_itself() -> None:
    """The literal guards running fleets: another hash for the same template would replace every pod."""
    assert PLAIN == "bb82f4d20c"


@pytest.mark.parametrize(
    "text",
    [
        deployment(name="web", spec="replicas: 5"),
        deployment(spec="paused: true\nminReadySeconds: 5"),
        deployment(meta="labels: {a: b}\nannotations: {c: d}"),
        deployment("restartPolicy: Always\nterminationGracePeriodSeconds: 30"),
        deployment("securityContext: {}\nvolumes: []\nnodeSelector: {}"),
        deployment(container="resources: {limits: {}}\nenv: []\nsecurityContext: {capabilities: {add: []}}"),
        deployment().replace(
            "metadata: {labels: {app: web}}", "metadata: {creationTimestamp: null, labels: {app: web}}"
        ),
    ],
)
def test_what_is_not_the_template_or_means_the_same_keeps_the_hash(text: str) -> None:
    assert hash_of(text) == PLAIN


MOUNTED = "volumes: [{name: a, emptyDir: {}}, {name: b, hostPath: {path: /b}}]"
MOUNTS = "volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b}]"
SAME = [
    ("", "resources: {limits: {cpu: 1000m}}", "", "resources: {limits: {cpu: 1}}"),
    ("", "resources: {limits: {cpu: '1'}}", "", "resources: {limits: {cpu: 1.0}}"),
    ("", "resources: {limits: {memory: 1000M}}", "", "resources: {limits: {memory: 1G}}"),
    ("", "resources: {limits: {memory: 1024Mi}}", "", "resources: {limits: {memory: 1073741824}}"),
    ("", "resources: {limits: {cpu: 1}}", "", "resources: {limits: {cpu: 1}, requests: {cpu: 1000m}}"),
    ("", "imagePullPolicy: IfNotPresent", "", ""),
    ("", "livenessProbe: {httpGet: {port: 80, path: /}}", "", "livenessProbe: {httpGet: {port: 80, path: ''}}"),
    ("", "livenessProbe: {httpGet: {port: 80, path: /a}}", "", "livenessProbe: {httpGet: {port: 80, path: a}}"),
    ("", "livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 10}", "", "livenessProbe: {tcpSocket: {port: 1}}"),
    (MOUNTED, MOUNTS, "volumes: [{name: b, hostPath: {path: /b, type: ''}}, {name: a}]", MOUNTS),
    (MOUNTED, MOUNTS, MOUNTED, "volumeMounts: [{name: b, mountPath: /b}, {name: a, mountPath: /a, readOnly: false}]"),
    ("", "securityContext: {capabilities: {add: [CAP_SYS_TIME, kill]}}", "", "securityContext: {capabilities: {add: [KILL, SYS_TIME]}}"),
    ("", "ports: [{containerPort: 80}, {containerPort: 81}]", "", "ports: [{containerPort: 81, protocol: TCP}, {containerPort: 80}]"),
    ("hostNetwork: true", "ports: [{containerPort: 80}]", "hostNetwork: true", "ports: [{containerPort: 80, hostPort: 80}]"),
    ("", "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]", "", "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: '1'}}}]"),
    ("tolerations: [{key: a, operator: Exists}, {key: b, value: c}]", "", "tolerations: [{key: b, operator: Equal, value: c}, {key: a, operator: Exists}]", ""),
    ("securityContext: {supplementalGroups: [2, 1]}", "", "securityContext: {supplementalGroups: [1, 2, 1]}", ""),
    ("volumes: [{name: a, emptyDir: {sizeLimit: 1024Ki}}]", "", "volumes: [{name: a, emptyDir: {sizeLimit: 1Mi}}]", ""),
    ("volumes: [{name: a, secret: {secretName: s, items: [{key: k, path: k}]}}]", "", "volumes: [{name: a, secret: {secretName: s, defaultMode: 420, items: [{key: k, path: k, mode: 0644}]}}]", ""),
    ("affinity: {}\ndnsConfig: {}\nhostUsers: true", "lifecycle: {}", "", ""),
]  # fmt: skip
"""Pod and container, in two spellings."""
OTHER = [
    ("", "env: [{name: A, value: '1'}, {name: B, value: '2'}]", "", "env: [{name: B, value: '2'}, {name: A, value: '1'}]"),
    ("", "args: [a, b]", "", "args: [b, a]"),
    ("", "resources: {limits: {cpu: 1}}", "", "resources: {limits: {cpu: 1001m}}"),
    ("", "resources: {limits: {memory: 1G}}", "", "resources: {limits: {memory: 1Gi}}"),
    ("", "resources: {requests: {cpu: 1}}", "", "resources: {limits: {cpu: 1}}"),
    ("", "imagePullPolicy: Always", "", ""),
    ("", "readinessProbe: {tcpSocket: {port: 1}}", "", "livenessProbe: {tcpSocket: {port: 1}}"),
    ("", "ports: [{containerPort: 80, hostPort: 80}]", "", "ports: [{containerPort: 80}]"),
    ("volumes: [{name: a, secret: {secretName: s, defaultMode: 0400, items: [{key: k, path: k, mode: 0644}]}}]", "", "volumes: [{name: a, secret: {secretName: s, defaultMode: 0400, items: [{key: k, path: k}]}}]", ""),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "container", "pod2", "container2"), SAME)
def test_another_spelling_is_no_change(pod: str, container: str, pod2: str, container2: str) -> None:
    spellings = deployment(pod, container=container), deployment(pod2, container=container2)
    assert hash_of(spellings[0]) == hash_of(spellings[1])


@pytest.mark.parametrize(("pod", "container", "pod2", "container2"), OTHER)
def test_another_meaning_is_one(pod: str, container: str, pod2: str, container2: str) -> None:
    spellings = deployment(pod, container=container), deployment(pod2, container=container2)
    assert hash_of(spellings[0]) != hash_of(spellings[1])


@pytest.mark.parametrize(
    "text",
    [
        deployment().replace("nginx:1.29", "nginx:1.30"),
        deployment("hostname: a"),
        deployment("volumes: [{name: a, emptyDir: {}}]"),
        deployment(container="env: [{name: A}]"),
        deployment().replace("metadata: {labels: {app: web}}", "metadata: {labels: {app: web, v: '2'}}"),
        deployment().replace(
            "metadata: {labels: {app: web}}", "metadata: {labels: {app: web}, annotations: {a: b}}"
        ),
    ],
)
def test_the_template_changes_the_hash(text: str) -> None:
    assert hash_of(text) != PLAIN


def test_volumes_of_other_sources_differ_though_both_are_empty() -> None:
    one = hash_of(deployment("volumes: [{name: a, emptyDir: {}}]"))
    two = hash_of(deployment("volumes: [{name: a, projected: {}}]"))
    three = hash_of(deployment("volumes: [{name: a, downwardAPI: {}}]"))
    assert len({one, two, three}) == 3


def test_contents_that_are_read_are_part_of_the_hash() -> None:
    web = deployment(container=READS_BOTH)
    one = hash_of(web, CONFIG, SECRET + "stringData: {k: v}")
    assert one != PLAIN
    assert hash_of(web, CONFIG.replace("x", "w"), SECRET + "stringData: {k: v}") != one
    assert hash_of(web, CONFIG, SECRET + "stringData: {k: w}") != one
    assert hash_of(web, CONFIG) != one
    assert hash_of(web, CONFIG, SECRET + "data: {k: dg==}") == one


@pytest.mark.parametrize(
    "pod",
    [
        "volumes: [{name: v, configMap: {name: c}}]",
        "volumes: [{name: v, projected: {sources: [{configMap: {name: c}}]}}]",
        "initContainers: [{name: i, image: 'a:1', envFrom: [{configMapRef: {name: c}}]}]",
    ],
)
def test_wherever_they_are_read(pod: str) -> None:
    assert hash_of(deployment(pod), CONFIG) != hash_of(deployment(pod), CONFIG.replace("x", "w"))


def test_contents_that_nobody_reads_change_nothing() -> None:
    assert hash_of(deployment(), CONFIG) == PLAIN


def test_pull_secrets_are_no_content() -> None:
    pod = "imagePullSecrets: [{name: s}]"
    one, two = (hash_of(deployment(pod), SECRET + f"stringData: {{k: {value}}}") for value in "ab")
    assert one == two


def test_everything_stands_in_sorted_order(tmp_path: Path) -> None:
    loaded = load_tree(Path(__file__).parent / "fleet" / "apps")
    wanted = desired(FLEET, Revision(id="1"), [*reversed(loaded.objects)], complete=False)
    assert [str(key) for key in wanted.workloads] == [
        "Deployment vault/vaultwarden",
        "Pod default/toolbox",
        "ReplicaSet default/whoami",
        "ReplicationController default/legacy",
    ]
    assert list(wanted.hashes) == list(wanted.workloads)
    assert [str(key) for key in wanted.contents] == [
        "ConfigMap vault/vaultwarden",
        "Secret vault/vaultwarden",
    ]
    assert wanted.namespaces == ("default", "vault")
    assert not wanted.complete


def test_services_addresses_and_ingresses_are_no_workloads() -> None:
    slice_of = (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, namespace: sliced}\n"
        "addressType: IPv4\n"
    )
    texts = (
        ingress(meta="namespace: doors"),
        service(name="b", meta="namespace: shop"),
        service(name="a", meta="namespace: shop"),
        "apiVersion: v1\nkind: Endpoints\nmetadata: {name: nas}\n",
        slice_of,
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\n",
    )
    wanted = desired(FLEET, Revision(id="1"), objects(*texts))
    assert wanted.workloads == {}
    assert [str(key) for key in wanted.services] == ["Service shop/a", "Service shop/b"]
    assert [str(key) for key in wanted.addresses] == ["EndpointSlice sliced/s", "Endpoints default/nas"]
    assert [str(key) for key in wanted.ingresses] == ["Ingress doors/web"]
    assert wanted.namespaces == ("default", "doors", "shop", "sliced")


def test_unchanged_objects_are_not_digested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    from reconciler.manifests import desired as room

    real = room.template_digest
    monkeypatch.setattr(room, "template_digest", lambda template: asked.append(template) or real(template))
    cache = DigestCache()
    items = objects(deployment(name="web"), deployment(name="api"))
    first = desired(FLEET, Revision(id="1"), items, cache=cache)
    again: Sequence[Object] = [items[0], msgspec.structs.replace(items[1])]
    second = desired(FLEET, Revision(id="2"), again, cache=cache)
    assert len(asked) == 3
    assert second.hashes == first.hashes
