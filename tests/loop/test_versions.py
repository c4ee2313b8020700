"""After a reconciler whose hashes stood for the spelling, another comes: nobody's pods are replaced."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.loop.versions import meaning
from reconciler.loop.wanted import Wanted
from reconciler.manifests.desired import desired
from reconciler.manifests.load import load_tree
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision
from tests.laws.world import World
from tests.loop.test_cycle import FLEET
from tests.loop.test_wanted import Folders

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: %s}\n---"
TEMPLATE = """
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: 'web:%s', resources: {limits: {cpu: %s}}, volumeMounts: [{name: c, mountPath: /c}]}
      volumes: [{name: c, configMap: {name: c}}]
"""
KINDS = {
    "Deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 3\n"
    "  selector: {matchLabels: {app: web}}\n  template:",
    "Rollout": "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec:\n"
    "  replicas: 3\n"
    "  strategy: {canary: {steps: [{setWeight: 50}]}}\n  selector: {matchLabels: {app: web}}\n  template:",
    "ReplicaSet": "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web}\nspec:\n  replicas: 3\n"
    "  selector: {matchLabels: {app: web}}\n  template:",
    "Pod": "apiVersion: v1\nkind: Pod",
}  # fmt: skip


def manifest(kind: str = "Deployment", *, image: str = "v1", cpu: str = "1000m", a: str = "x") -> str:
    template = TEMPLATE % (image, cpu)
    if kind == "Pod":
        template = "\n".join(line[4:] for line in template.splitlines()).replace(
            "labels:", "name: web, labels:"
        )
    return CONFIG % a + "\n" + KINDS[kind] + template


class Older(World):
    """What version 0.1.0 would have made of `text`."""

    def __init__(self, folder: Path, text: str, behaviour: Behaviour | None = None) -> None:
        self.folders = Folders(folder)
        super().__init__(self.push("first", text), behaviour)

    def push(self, name: str, text: str) -> Desired:
        self.folders.push(name, text)
        snapshot = self.folders.fetch()
        found = desired(FLEET, Revision(id=name), load_tree(snapshot.root, fleet=FLEET).objects)
        return msgspec.structs.replace(found, hashes=found.hashes | found.former, former={})


class Newer(World):
    """The one that comes after it, on the same nodes with the same memory."""

    def __init__(self, older: Older) -> None:
        self.__dict__.update(older.__dict__)
        self.restart(lost=False)
        self.wanted = Wanted(FLEET, self.folders)

    @property
    def desired(self) -> Desired:
        found = self.wanted.update(self.progress, self.observe())
        assert found is not None
        return found


def hashes(world: World) -> set[str]:
    return {pod.record.template_hash for pod in world.observe().pods()}


def names(world: World) -> set[str]:
    return {pod.record.name for pod in world.observe().pods()}


def still(world: World) -> None:
    """Nothing is started or stopped."""
    before = names(world)
    plan = world.run()
    assert (plan.standing, names(world)) == ("converged", before), plan


@pytest.mark.parametrize("lost", [False, True], ids=["", "without memory"])
@pytest.mark.parametrize("kind", KINDS)
def test_pods_of_before_stay_however_they_are_spelled_now(tmp_path: Path, kind: str, lost: bool) -> None:
    older = Older(tmp_path, manifest(kind))
    older.run()
    before, number = hashes(older), [r.number for r in older.progress.rollouts.values()]
    newer = Newer(older)
    newer.restart(lost=lost)
    still(newer)
    newer.folders.push("second", manifest(kind, cpu="1"))
    still(newer)
    newer.restart(lost=lost)
    still(newer)
    assert hashes(newer) == before
    assert [r.number for r in newer.progress.rollouts.values()] == number


@pytest.mark.parametrize(
    "change", [{"image": "v2"}, {"cpu": "1001m"}, {"a": "z"}], ids=["image", "cpu", "contents"]
)
def test_a_change_is_still_one(tmp_path: Path, change: dict[str, str]) -> None:
    older = Older(tmp_path, manifest())
    older.run()
    newer = Newer(older)
    still(newer)
    newer.folders.push("second", manifest(**change))
    before = names(newer)
    assert newer.run().standing == "converged"
    assert names(newer).isdisjoint(before)


def test_pods_that_join_them_keep_the_name_when_those_of_before_have_gone(tmp_path: Path) -> None:
    older = Older(tmp_path, manifest())
    older.run()
    before = hashes(older)
    newer = Newer(older)
    newer.folders.push("second", manifest(cpu="'1'").replace("replicas: 3", "replicas: 6"))
    newer.run()
    assert hashes(newer) == before
    added = [pod for pod in newer.observe().pods() if pod.record.revision == "second"]
    assert len(added) == 3 and all(pod.record.meaning for pod in added)
    for machine in newer.fleet.machines.values():
        for key in [k for k, pod in machine.pods.items() if pod.record.revision == "first"]:
            del machine.pods[key]
        machine.stale = True
    newer.restart(lost=True)
    left = names(newer)
    newer.folders.push("third", manifest(cpu="1.0"))
    still(newer)
    assert names(newer) == left


def test_a_version_that_failed_before_is_not_tried_again(tmp_path: Path) -> None:
    behaviour = Behaviour(never_ready=frozenset({"web:v2"}))
    older = Older(tmp_path, manifest(), behaviour)
    older.run()
    older.commit(older.push("bad", manifest(image="v2")))
    assert older.run().standing == "failed"
    before, newer = names(older), Newer(older)
    assert newer.run().standing == "failed"
    assert names(newer) == before
    newer.folders.push("good again", manifest(cpu="1"))
    assert newer.run().standing == "converged"
    assert names(newer) <= before


def test_what_a_label_says_has_to_be_what_its_hash_says(tmp_path: Path) -> None:
    older = Older(tmp_path, manifest())
    older.run()
    record = next(iter(older.observe().pods())).record
    own = Wanted(FLEET, older.folders).update(Progress())
    assert own is not None
    key = Key("Deployment", "default", "web")
    assert own.former[key] == record.template_hash != own.hashes[key]
    assert meaning(record, own.contents) == own.hashes[key]
    assert meaning(msgspec.structs.replace(record, template_hash="0" * 10), own.contents) == ""
    assert meaning(msgspec.structs.replace(record, annotations={"a": "b"}), own.contents) == ""
