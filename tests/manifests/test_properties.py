"""Properties: no bytes give a traceback, objects survive a round trip, key order never matters."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.manifests.decode import decode
from reconciler.manifests.digest import template_digest
from reconciler.manifests.documents import Reader
from reconciler.manifests.parse import parse
from reconciler.model.canonical import canonical
from reconciler.model.container import Container, ContainerPort, EnvVar, ResourceRequirements, VolumeMount
from reconciler.model.meta import LabelSelector, ObjectMeta
from reconciler.model.pod import PodSpec, PodTemplate
from reconciler.model.probe import ExecAction, Probe
from reconciler.model.volume import EmptyDirVolumeSource, HostPathVolumeSource, Volume
from reconciler.model.workload import Deployment, DeploymentSpec

GOOD = (Path(__file__).parent / "fleet" / "apps" / "vaultwarden.yaml").read_bytes()
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
labels = st.dictionaries(names, names, max_size=3)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=12)
quantities = st.sampled_from(["100m", "1", "1.5", "128Mi", "2G"])
probes = st.builds(
    Probe,
    exec=st.builds(ExecAction, command=st.lists(texts, min_size=1, max_size=3).map(tuple)),
    period_seconds=st.integers(1, 60),
)
containers = st.builds(
    Container,
    name=names,
    image=names,
    args=st.lists(texts, max_size=3).map(tuple),
    env=st.lists(st.builds(EnvVar, name=names, value=texts), max_size=3).map(tuple),
    ports=st.lists(st.builds(ContainerPort, container_port=st.integers(1, 65535)), max_size=2).map(tuple),
    resources=st.builds(ResourceRequirements, requests=st.dictionaries(names, quantities, max_size=2)),
    liveness_probe=st.none() | probes,
    volume_mounts=st.lists(
        st.builds(VolumeMount, name=names, mount_path=names.map("/{}".format), read_only=st.booleans()),
        max_size=2,
    ).map(tuple),
)
volumes = st.builds(Volume, name=names, empty_dir=st.builds(EmptyDirVolumeSource)) | st.builds(
    Volume, name=names, host_path=st.builds(HostPathVolumeSource, path=names.map("/{}".format))
)
templates = st.builds(
    PodTemplate,
    metadata=st.builds(ObjectMeta, labels=labels, annotations=st.dictionaries(names, texts, max_size=2)),
    spec=st.builds(
        PodSpec,
        containers=st.lists(containers, min_size=1, max_size=2).map(tuple),
        volumes=st.lists(volumes, max_size=2).map(tuple),
        node_selector=labels,
        host_network=st.booleans(),
    ),
)
deployments = st.builds(
    Deployment,
    api_version=st.just("apps/v1"),
    kind=st.just("Deployment"),
    metadata=st.builds(ObjectMeta, name=names, namespace=names, labels=labels),
    spec=st.builds(
        DeploymentSpec,
        selector=st.builds(LabelSelector, match_labels=labels),
        template=templates,
        replicas=st.integers(0, 9),
    ),
)


@quick
@given(st.binary(max_size=400))
def test_any_bytes_give_objects_or_findings(data: bytes) -> None:
    parsed = parse("a.yaml", data)
    assert all(finding.message and finding.line >= 0 for finding in parsed.findings)


@quick
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 40), st.binary(max_size=12))
def test_a_manifest_with_a_piece_exchanged_gives_objects_or_findings(
    at: int, length: int, piece: bytes
) -> None:
    parsed = parse("a.yaml", GOOD[:at] + piece + GOOD[at + length :])
    assert parsed.entries or parsed.findings


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "apiVersion",
                    "kind",
                    "metadata",
                    "spec",
                    "data",
                    "items",
                    "name",
                    "template",
                    "containers",
                    "volumes",
                ]
            )
            | texts,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
kinds = st.sampled_from(
    ["Deployment", "Pod", "Secret", "ConfigMap", "List", "Fleet", "Namespace", "ReplicaSet"]
)


@quick
@given(
    kinds,
    st.dictionaries(st.sampled_from(["metadata", "spec", "data", "items", "status"]), values, max_size=4),
)
def test_any_value_under_any_kind_gives_objects_or_findings(kind: str, rest: dict[str, Any]) -> None:
    group = "apps/v1" if kind in ("Deployment", "ReplicaSet") else "v1"
    text = msgspec.json.encode({"apiVersion": group, "kind": kind, **rest})
    parsed = parse("a.json", text)
    assert parsed.entries or parsed.findings or kind == "List"


@quick
@given(deployments)
def test_an_object_survives_being_written_and_read(item: Deployment) -> None:
    value = msgspec.to_builtins(item)
    assert decode(value) == item
    (read,) = Reader(msgspec.json.encode(item)).documents()
    assert decode(read) == item


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = [(key, shuffled(inner, chance)) for key, inner in value.items()]
        chance.shuffle(pairs)
        return dict(pairs)
    return [shuffled(inner, chance) for inner in value] if isinstance(value, list | tuple) else value


@quick
@given(templates, st.randoms(use_true_random=False))
def test_a_template_has_one_digest_in_any_order_of_its_keys(
    template: PodTemplate, chance: random.Random
) -> None:
    other = msgspec.convert(shuffled(msgspec.to_builtins(template), chance), PodTemplate)
    assert template_digest(other) == template_digest(template)


@quick
@given(templates, templates)
def test_two_templates_have_one_digest_only_when_they_mean_the_same(
    one: PodTemplate, two: PodTemplate
) -> None:
    same = (canonical(one.spec), one.metadata.labels, one.metadata.annotations) == (
        canonical(two.spec), two.metadata.labels, two.metadata.annotations,
    )  # fmt: skip
    assert same or one != two
    assert (template_digest(one) == template_digest(two)) == same
