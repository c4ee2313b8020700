"""What keeps volumes from being pruned, and which have vanished all the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.held import MASKED, for_engine, vanished
from reconciler.engine.pods.pod import DockerPod, translate
from reconciler.engine.pods.subpaths import folders
from reconciler.model.desired import Contents
from reconciler.model.observed import ContainerState, PodRecord
from tests.engine.pods import config_map, record

MOUNTS = [
    {"name": "cm", "mountPath": "/cm/page", "subPath": "page"},
    {"name": "data", "mountPath": "/data", "subPath": "db"},
]
VOLUMES = [{"name": "cm", "configMap": {"name": "page"}}, {"name": "data", "emptyDir": {}}]
DIRECTORIES = {"home_default_one_cm": "/v/cm", "home_default_one_data": "/v/data"}
ALL = frozenset(DIRECTORIES)


def one(mounts: list[dict[str, Any]], *more: dict[str, Any], **spec: Any) -> PodRecord:
    app = {"name": "app", "image": "app:v1", "volumeMounts": mounts}
    return record("one", {"containers": [app, *more], "volumes": VOLUMES, **spec})


def made(pod: PodRecord) -> DockerPod:
    page = config_map("page", {"page": "one"})
    contents: Contents = {page.key: page}
    return translate(pod, contents, Place(fleet="home", network="home_pods"), {}, "node:v1")


def host_config(pod: PodRecord, api: str, number: int = 0) -> dict[str, Any]:
    bodies = [container.body for container in made(pod).containers]
    found: dict[str, Any] = for_engine(bodies[number], api, DIRECTORIES, folders(bodies))["HostConfig"]
    return found


def binds(host: dict[str, Any]) -> list[tuple[str, str]]:
    return [(m["Source"], m["Target"]) for m in host["Mounts"] if m["Type"] == "bind"]


def volumes(host: dict[str, Any]) -> list[tuple[str, str]]:
    return [(m["Source"], m["Target"]) for m in host["Mounts"] if m["Type"] == "volume"]


def test_an_old_engine_is_given_the_whole_volume_masked() -> None:
    host = host_config(one(MOUNTS), "1.41")
    assert volumes(host) == [
        ("home_default_one_cm", "/.reconciler/0"),
        ("home_default_one_data", "/.reconciler/1"),
    ]
    assert host["MaskedPaths"] == [*MASKED, "/.reconciler/0", "/.reconciler/1"]
    assert all(m["ReadOnly"] for m in host["Mounts"] if m["Target"].startswith("/.reconciler"))


def test_nothing_is_added_where_the_engine_counts_it_anyway() -> None:
    assert "MaskedPaths" not in host_config(one(MOUNTS), "1.45")
    whole = [*MOUNTS, {"name": "cm", "mountPath": "/all"}, {"name": "data", "mountPath": "/every"}]
    host = host_config(one(whole), "1.41")
    assert "MaskedPaths" not in host
    assert [target for _, target in volumes(host)] == ["/all", "/every"]


def test_no_container_can_put_a_link_in_the_place_of_what_another_mounts() -> None:
    """An old engine follows it on the node, at each start: any directory of the node would be mounted."""
    deep = [{"name": "data", "mountPath": "/in", "subPath": "db/log"}]
    parent = [{"name": "data", "mountPath": "/db", "subPath": "db"}]
    reader = [{"name": "data", "mountPath": "/all", "readOnly": True}]
    others = [
        {"name": f"c{number}", "image": "c:v1", "volumeMounts": mounts}
        for number, mounts in enumerate((deep, parent, reader))
    ]
    pod = one([{"name": "data", "mountPath": "/all"}], *others)
    every = [binds(host_config(pod, "1.41", number)) for number in range(1, 5)]
    assert every == [
        [("/v/data/db", "/all/db"), ("/v/data/db/log", "/all/db/log")],
        [("/v/data/db/log", "/in")],
        [("/v/data/db", "/db"), ("/v/data/db/log", "/db/log")],
        [],
    ]
    assert not binds(host_config(pod, "1.45", 1))


def test_an_unmasked_proc_stays_so() -> None:
    mounts = [{"name": "data", "mountPath": "/data", "subPath": "db"}]
    pod = one(mounts)
    app = msgspec.convert(
        {"name": "app", "image": "a", "volumeMounts": mounts, "securityContext": {"procMount": "Unmasked"}},
        type(pod.spec.containers[0]),
    )
    pod = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=(app,)))
    assert host_config(pod, "1.41")["MaskedPaths"] == ["/.reconciler/0"]


@pytest.mark.parametrize("api", ["1.41", "1.47"])
def test_a_sandbox_holds_every_volume_of_the_pod(api: str) -> None:
    pod = one(MOUNTS, {"name": "b", "image": "b:v1"})
    assert volumes(host_config(pod, api)) == [
        ("home_default_one_cm", "/.reconciler/0"),
        ("home_default_one_data", "/.reconciler/1"),
    ]
    assert "MaskedPaths" not in host_config(pod, api, 1)


def states(**found: str) -> tuple[ContainerState, ...]:
    return tuple(
        ContainerState(
            name=name,
            role="init" if name == "init" else "main",
            state=state,  # type: ignore[arg-type]  # a test's shorthand
            started_at=None if state in ("absent", "created") else 1.0,
        )
        for name, state in found.items()
    )


@pytest.mark.parametrize(
    ("found", "there", "lost"),
    [
        ({"app": "running", "b": "running"}, ALL, ()),
        ({"app": "absent", "b": "absent"}, frozenset(), ()),  # it is only being made
        ({"app": "running", "b": "running"}, frozenset(), ("cm", "data")),
        ({"app": "absent", "b": "running"}, frozenset(), ("data",)),  # files are made anew with `app`
        ({"app": "absent", "b": "running"}, ALL - {"home_default_one_cm"}, ()),
    ],
)
def test_a_volume_is_lost_with_what_was_in_it(
    found: dict[str, str], there: frozenset[str], lost: tuple[str, ...]
) -> None:
    pod = one(MOUNTS, {"name": "b", "image": "b:v1"})
    assert vanished(pod, "home", states(**found), there) == lost


def test_what_only_init_containers_had_is_of_no_use_once_the_others_have_begun() -> None:
    init = {"name": "init", "image": "i", "volumeMounts": MOUNTS}
    pod = one([], initContainers=[init])
    assert vanished(pod, "home", states(init="exited", app="running"), frozenset()) == ()
    assert vanished(pod, "home", states(init="exited", app="created"), frozenset()) == ("cm", "data")
