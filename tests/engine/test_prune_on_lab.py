"""Docker's prunes on a node that runs pods: none takes what a pod needs, or lets run again what has ended."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import naming, records
from reconciler.errors import NodeUnreachable
from reconciler.model.observed import Ending
from tests.engine.pods import FLEET, OnNode, app, config_map, pod

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("nothing_left")]

PAGE = [config_map("page", {"page": "one"})]
MOUNTS = {
    "volumeMounts": [
        {"name": "cm", "mountPath": "/cm/page", "subPath": "page"},
        {"name": "data", "mountPath": "/data", "subPath": "db"},
    ]
}
VOLUMES = [{"name": "cm", "configMap": {"name": "page"}}, {"name": "data", "emptyDir": {}}]


def prune(node: OnNode) -> None:
    """What `docker system prune --volumes` does, which Podman's API doesn't offer whole."""
    node.docker("container", "prune", "-f")
    node.docker("network", "prune", "-f")
    node.docker("volume", "prune", "-f", *([] if _api(node) < (1, 42) else ["--all"]))


def test_no_prune_takes_a_volume_from_under_a_pod(node: OnNode) -> None:
    alone = pod(node, "alone", app(node, **MOUNTS), volumes=VOLUMES)
    two = pod(node, "two", app(node, **MOUNTS), app(node, name="b"), volumes=VOLUMES)
    two = msgspec.structs.replace(two, ip="10.42.7.21")
    with node.running(alone, PAGE), node.running(two, PAGE):
        for one in (alone, two):
            node.sh(one, "echo row > /data/rows")
        prune(node)
        for one in (alone, two):
            assert node.sh(one, "cat /data/rows /cm/page; ls -A /.reconciler/* 2>/dev/null") == (
                "row\none/.reconciler/0:\n\n/.reconciler/1:" if one is alone and _old(node) else "row\none"
            )
            assert node.state(one).lost_volumes == ()


def _api(node: OnNode) -> tuple[int, ...]:
    return tuple(map(int, node.engine.api_version.split(".")))


def _old(node: OnNode) -> bool:
    return _api(node) < (1, 45)


def test_files_that_vanished_with_their_volume_are_there_again_with_the_container(node: OnNode) -> None:
    """As in a pod that an earlier version made, whose sandbox holds no volumes."""
    mounts = {"volumeMounts": [{"name": "cm", "mountPath": "/cm"}, {"name": "data", "mountPath": "/data"}]}
    one = pod(node, "gone", app(node), app(node, name="b", **mounts), volumes=VOLUMES)
    with node.running(one, PAGE):
        names = [naming.container_name(FLEET, "default", "gone", n) for n in ("b", "_sandbox", "app")]
        node.docker("rm", "-f", *names[:2])
        node.docker(
            "volume", "rm", *(naming.volume_name(FLEET, "default", "gone", n) for n in ("cm", "data"))
        )
        assert node.state(one).lost_volumes == ("data",)
        node.start(one, PAGE)
        assert node.sh(one, "cat /cm/page; stat -c %a /data", "b") == "one777"


def test_the_record_of_what_has_ended_outlives_every_prune(
    node: OnNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pod(node, "ended", app(node, "exit 0"), restartPolicy="Never")
    with node.running(one):
        node.until(lambda: node.state(one).phase == "Succeeded")
        ending = Ending(record=one, containers=node.state(one).containers)
        records.write(node.engine, FLEET, ending)
        prune(node)
        assert node.pods() == ()
        kept = msgspec.structs.replace(ending, record=msgspec.structs.replace(one, ip=""))
        assert endings(node) == {one.key: kept}
        with monkeypatch.context() as changed:
            changed.setattr(Engine, "run", _no_shell)
            assert endings(node) == {one.key: kept}
            assert records.read(node.engine, FLEET, shell_only=True) is None
        node.cache.endings = endings(node)
        assert (node.state(one).phase, node.state(one).recorded) == ("Succeeded", ("app",))
        node.cache.endings = {}
        records.remove(node.engine, FLEET, ending)
        assert endings(node) == {}


def endings(node: OnNode) -> object:
    found = records.read(node.engine, FLEET, shell_only=False)
    assert found is not None
    assert found.complaints == ()
    return found.endings


def _no_shell(engine: Engine, command: str, timeout: float = 0.0) -> tuple[int, bytes]:
    raise NodeUnreachable("no shell is granted", node=engine.node)
