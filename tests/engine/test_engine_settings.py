"""What `nodes check` makes of how an engine is set up."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.fitness import engine_settings as settings
from reconciler.engine.fitness.report import Check
from reconciler.errors import ContainerFailed

PODMAN = {"Version": "5.4.2", "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}
DOCKER = {"Version": "28.5.2", "Components": [{"Name": "Engine"}, {"Name": "containerd"}]}


class Engine:
    """Answers by path; a start fails with `refused`. `made` are containers that are still there."""

    node = "pi-1"

    def __init__(self, said: str = "", refused: str = "", **answers: Any) -> None:
        self._said, self._refused = said, refused
        self._answers = {"/info": {}, "/version": DOCKER, "/images/json": []} | {
            f"/{path}": answer for path, answer in answers.items()
        }
        self.made: set[str] = set()

    def call(self, method: str, path: str, **_: Any) -> Any:
        if path == "/containers/create":
            self.made.add("c1")
            return {"Id": "c1"}
        if path.endswith("/start") and self._refused:
            raise ContainerFailed(self._refused, node="pi-1")
        if method == "DELETE":
            self.made.discard(path.rpartition("/")[2])
        return self._answers.get(path)

    def run(self, _: str, __: float) -> tuple[int, bytes]:
        return 0, self._said.encode()


def ask(check: Any, **engine: Any) -> Check:
    found: Check = check(Engine(**engine))
    assert bool(found.remedy) == (found.status != "ok")
    return found


def test_whose_users_pods_have() -> None:
    assert ask(settings.users).status == "ok"
    mapped = ask(settings.users, info={"SecurityOptions": ["name=seccomp,profile=default", "name=userns"]})
    assert (mapped.status, "userns-remap" in mapped.found) == ("ok", True)
    assert ask(settings.users, info={"SecurityOptions": ["name=rootless"]}).status == "fail"


def test_a_log_driver_that_cannot_start_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = "failed to initialize logging driver: dial tcp 127.0.0.1:24224: connect: connection refused"
    remote = {"LoggingDriver": "fluentd"}
    assert ask(settings.logs, info={"LoggingDriver": "local"}).status == "ok"
    assert ask(settings.logs, info=remote).status == "warn"
    monkeypatch.setattr(settings.nodeimage, "present", lambda _: "reconciler-node:1")
    engine: Any = Engine(info=remote, refused=refused)
    found = settings.logs(engine)
    assert (found.status, refused in found.found, engine.made) == ("fail", True, set())
    assert ask(settings.logs, info={"LoggingDriver": "json-file"}).status == "ok"


@pytest.mark.parametrize(
    ("version", "said", "status"),
    [
        (DOCKER, "enabled", "ok"),
        (DOCKER, "disabled", "warn"),
        (DOCKER, "sh: 1: systemctl: not found", "ok"),
        (PODMAN, "enabled", "ok"),
        (PODMAN, "disabled", "warn"),
        (PODMAN, "sh: 1: systemctl: not found", "warn"),
    ],
)
def test_whether_pods_come_back_after_a_reboot(version: dict[str, Any], said: str, status: str) -> None:
    found = ask(settings.returning, version=version, said=said)
    assert found.status == status
    if status == "warn":
        assert ("podman-restart.service" in found.remedy) is (version is PODMAN)


def test_images_of_another_architecture() -> None:
    assert settings.foreign_images("arm64", {"a:1": "arm64", "b:1": "arm"}).status == "ok"
    found = settings.foreign_images("arm64", {"a:1": "amd64", "b:1": "arm64"})
    assert (found.status, found.found.startswith("not for this node's arm64: a:1 (amd64);")) == ("warn", True)
    many = settings.foreign_images("arm64", {f"a:{n}": "amd64" for n in range(7)})
    assert "and 2 more" in many.found
