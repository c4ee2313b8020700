"""Another engine for the lab: fetched once, and taken with its settings. No lab is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.debian.packages import PackageUnavailable
from reconciler.errors import LabError
from reconciler.lab import engine, other_engine
from reconciler.lab.state import LabState
from tests.engine.fake_packages import deb

PACKAGES = {
    "docker.io": deb({"usr/sbin/dockerd": b"#!/bin/sh\n", "usr/sbin/docker-proxy": b"#!/bin/sh\n"}),
    "docker-cli": deb({"usr/bin/docker": b"#!/bin/sh\n"}),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The suites that Debian was asked for packages of."""
    suites: list[str] = []

    def fetch(packages: object, architecture: str, suite: str, *, alone: bool) -> dict[str, bytes]:
        suites.append(suite)
        return PACKAGES

    monkeypatch.setattr(other_engine.packages, "fetch", fetch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return suites


@pytest.mark.programs("dpkg")
def test_it_is_fetched_once(asked: list[str]) -> None:
    place = other_engine.fetch("docker-sid-containerd")
    assert other_engine.fetch("docker-sid-containerd") == place
    assert asked == ["sid"]
    assert json.loads((place / "daemon.json").read_text())["features"] == {"containerd-snapshotter": True}
    state = LabState(name="a", directory=Path("/x"), engine=place)
    assert engine.program_of(state, "dockerd") == str(place / "bin" / "dockerd")
    assert engine.program_of(state, "docker") == str(place / "bin" / "docker")
    engine.check(place)


@pytest.mark.programs("dpkg")
def test_one_that_was_cut_off_is_fetched_again(asked: list[str]) -> None:
    place = other_engine.fetch("docker-sid")
    (place / "bin" / "dockerd").unlink()
    assert (other_engine.fetch("docker-sid") / "bin" / "dockerd").exists()
    assert asked == ["sid", "sid"]


def test_names_and_mirrors_that_are_none(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="no engine rkt: expected one of docker-trixie, docker-sid"):
        other_engine.fetch("rkt")

    def refused(*_: object, **__: object) -> None:
        raise PackageUnavailable("the mirror is silent", "ask later")

    monkeypatch.setattr(other_engine.packages, "fetch", refused)
    with pytest.raises(LabError, match="the mirror is silent") as caught:
        other_engine.fetch("docker-sid")
    assert caught.value.remedy == "ask later"


def test_a_folder_that_holds_no_engine(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"neither bin/dockerd nor daemon\.json"):
        engine.check(tmp_path)
    for text, why in (("{", "not JSON"), ("[]", "expected an object")):
        (tmp_path / "daemon.json").write_text(text)
        with pytest.raises(LabError, match=why):
            engine.check(tmp_path)
