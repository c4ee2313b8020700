"""This machine's registry logins as a pull secret."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from reconciler.engine.pods.image import logins
from reconciler.engine.pods.operator_login import with_operator_login
from reconciler.errors import ImageUnavailable
from reconciler.model.container import Container
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord
from reconciler.model.pod import PodSpec


def record(*images: str) -> PodRecord:
    spec = PodSpec(containers=tuple(Container(name=f"c{i}", image=image) for i, image in enumerate(images)))
    owner = Key("Pod", "default", "p")
    return PodRecord(
        namespace="default", name="p", owner=owner, template_hash="h", revision="r", node="n", spec=spec
    )


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_a_login_is_used_for_its_own_registry_only(config: Path) -> None:
    token = base64.b64encode(b"me:secret").decode()
    config.write_text(json.dumps({"auths": {"registry.example:5000": {"auth": token}}}))
    pod = record("registry.example:5000/team/app:1", "other.example/app:1")
    found = with_operator_login({}, pod)
    (login,) = logins("registry.example:5000/team/app:1", pod, found)
    assert (login["username"], login["password"]) == ("me", "secret")
    assert logins("other.example/app:1", pod, found) == ()


def test_the_hub_is_known_by_its_old_name(config: Path) -> None:
    token = base64.b64encode(b"me:secret").decode()
    config.write_text(json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": token}}}))
    pod = record("nginx:1")
    (login,) = logins("nginx:1", pod, with_operator_login({}, pod))
    assert login["username"] == "me"


@pytest.mark.programs
def test_a_credential_store_is_asked(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = config.parent / "docker-credential-test"
    answer = {"ServerURL": "registry.example", "Username": "me", "Secret": "secret"}
    program.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{config.parent}:/usr/bin:/bin")
    config.write_text(json.dumps({"credsStore": "test"}))
    pod = record("registry.example/app:1")
    (login,) = logins("registry.example/app:1", pod, with_operator_login({}, pod))
    assert (login["username"], login["password"]) == ("me", "secret")


@pytest.mark.filterwarnings("ignore:docker-credential-nowhere not installed")  # docker-py says it too
def test_a_missing_credential_store_is_an_error_with_its_remedy(config: Path) -> None:
    config.write_text(json.dumps({"credsStore": "nowhere"}))
    with pytest.raises(ImageUnavailable) as caught:
        with_operator_login({}, record("registry.example/app:1"))
    assert "useOperatorLogin" in caught.value.remedy


def test_without_a_login_nothing_is_added(config: Path) -> None:
    config.write_text("{}")
    assert with_operator_login({}, record("registry.example/app:1")) == {}
