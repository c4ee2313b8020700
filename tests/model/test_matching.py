"""Selectors, tolerations and pull policies decide as Kubernetes does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.model.config import ConfigMap, Secret
from reconciler.model.container import Container
from reconciler.model.meta import Key, LabelSelector
from reconciler.model.placement import Taint, Toleration


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ({}, {}, True),
        ({"matchLabels": {"a": "b"}}, {"a": "b", "c": "d"}, True),
        ({"matchLabels": {"a": "b"}}, {"a": "c"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, {"a": "c"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {"a": "b"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
        (
            {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]},
            {"a": "b"},
            False,
        ),
    ],
)
def test_label_selectors(selector: dict[str, Any], labels: dict[str, str], matches: bool) -> None:
    assert msgspec.convert(selector, LabelSelector).matches(labels) is matches


TAINT = Taint(key="dedicated", value="media", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "tolerates"),
    [
        (Toleration(key="dedicated", value="media"), True),
        (Toleration(key="dedicated", value="media", effect="NoSchedule"), True),
        (Toleration(key="dedicated", value="media", effect="NoExecute"), False),
        (Toleration(key="dedicated", value="other"), False),
        (Toleration(key="dedicated", operator="Exists"), True),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(operator="Exists"), True),
        (Toleration(operator="Exists", effect="NoExecute"), False),
    ],
)
def test_tolerations(toleration: Toleration, tolerates: bool) -> None:
    assert toleration.tolerates(TAINT) is tolerates


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("registry:5000/nginx", "Always"),
        ("nginx:1.29", "IfNotPresent"),
        ("nginx@sha256:00", "IfNotPresent"),
    ],
)
def test_the_default_pull_policy(image: str, policy: str) -> None:
    assert Container(name="a", image=image).pull_policy == policy
    assert Container(name="a", image=image, image_pull_policy="Never").pull_policy == "Never"


def test_contents_are_bytes_and_string_data_wins() -> None:
    secret = msgspec.convert(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA==", "b": "eQ=="},
         "stringData": {"b": "z"}},
        Secret,
    )  # fmt: skip
    assert secret.contents() == {"a": b"x", "b": b"z"}
    config = msgspec.convert(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "ü"},
         "binaryData": {"b": "AP8="}},
        ConfigMap,
    )  # fmt: skip
    assert config.contents() == {"a": "ü".encode(), "b": b"\x00\xff"}


def test_a_secrets_repr_names_keys_only() -> None:
    secret = msgspec.convert(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"pw": "hunter2"}},
        Secret,
    )
    assert repr(secret) == "Secret(/s, keys=['pw'])"
    assert "hunter2" not in str(secret)


def test_keys_sort_and_speak() -> None:
    assert str(Key("Namespace", "", "prod")) == "Namespace prod"
    assert sorted([Key("Pod", "b", "a"), Key("Pod", "a", "b")])[0] == Key("Pod", "a", "b")
