"""A pull that fails: whose failure it is."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from reconciler.engine.pods import image
from reconciler.errors import CallTimeout, ImageUnavailable
from reconciler.model.config import Secret
from reconciler.model.meta import Key, ObjectMeta
from tests.engine.pods import record

ENTRIES = {
    "registry.example.net/other": {"auth": 5},
    "registry.example.net/a": ["not", "an", "entry"],
    "registry.example.net/b": {"username": ["a"]},
    "registry.example.net/c": {"auth": "/w=="},
    "registry.example.net": {"auth": None, "username": "me", "password": "secret"},
}


@pytest.mark.parametrize("name", [".dockerconfigjson", ".dockercfg"])
def test_an_entry_that_is_none_hides_no_other(name: str) -> None:
    text = json.dumps({"auths": ENTRIES} if name == ".dockerconfigjson" else ENTRIES)
    assert of(name, text) == (
        {"serveraddress": "registry.example.net", "username": "me", "password": "secret"},
    )


@pytest.mark.parametrize("text", ["[]", '{"auths": 5}', '{"auths": null}', "[" * 100_000, "", "\x00"])
def test_logins_that_cant_be_read_are_none(text: str) -> None:
    assert of(".dockerconfigjson", text) == ()


def of(name: str, text: str) -> tuple[image.Login, ...]:
    pull = Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name="pull", namespace="default"),
        data={name: b64encode(text.encode()).decode()},
    )
    spec = {
        "containers": [{"name": "app", "image": "registry.example.net/c/web:v1"}],
        "imagePullSecrets": [{"name": "pull"}],
    }
    one = record("web", spec)
    return image.logins("registry.example.net/c/web:v1", one, {Key("Secret", one.namespace, "pull"): pull})


class Hanging:
    """Stands for an Engine that waits for a registry which takes the connection and says nothing."""

    node = "pi-1"

    def lines(self, *_: Any, **__: Any) -> Any:
        raise CallTimeout("no answer in time to POST /images/create", node=self.node)


def test_a_registry_that_says_nothing_is_the_images_failure() -> None:
    engine: Any = Hanging()
    with pytest.raises(
        ImageUnavailable, match=r'image "web:v1": its pull made no progress for \d+ s'
    ) as caught:
        image.pull(engine, "web:v1")
    assert "registry" in caught.value.remedy
