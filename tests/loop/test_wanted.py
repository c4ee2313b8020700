"""What is wanted, from a source whose revisions the test writes by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ManifestError, SourceError
from reconciler.loop import wanted as wanted_module
from reconciler.loop.wanted import Wanted
from reconciler.manifests.load import Loaded, load_tree
from reconciler.model.capacity import Capacity
from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec, NodeSpec
from reconciler.model.meta import Key
from reconciler.model.progress import Progress, RolloutState
from reconciler.model.revision import Revision
from reconciler.source.snapshot import Snapshot
from tests.source.conftest import until

WEB = Key("Deployment", "default", "web")
FLEET = Fleet(
    api_version="reconciler.io/v1",
    kind="Fleet",
    metadata=FleetMeta(name="test"),
    spec=FleetSpec(nodes=(NodeSpec(name="a", address="sim://a"),)),
)


def deployment(image: str, *, config: str = "") -> str:
    env = f"\n          envFrom: [{{configMapRef: {{name: {config}}}}}]" if config else ""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: app
          image: {image}{env}
"""


class Folders:
    """A source of folders; `push` makes the newest."""

    def __init__(self, root: Path) -> None:
        self._root, self._all = root, dict[str, Snapshot]()
        self._newest: Snapshot | None = None
        self.problem: SourceError | None = None

    def push(self, name: str, text: str) -> None:
        folder = self._root / name
        folder.mkdir(exist_ok=True)
        (folder / "all.yaml").write_text(text)
        self._newest = self._all[name] = Snapshot(revision=Revision(id=name), root=folder)

    def forget(self, name: str) -> None:
        del self._all[name]

    def start(self, changed: Callable[[], None]) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...

    def latest(self) -> Snapshot | None:
        return self._newest

    def error(self) -> SourceError | None:
        return self.problem

    def at(self, revision_id: str) -> Snapshot | None:
        return self._all.get(revision_id)

    def fetch(self) -> Snapshot:
        if self.problem or self._newest is None:
            raise self.problem or SourceError("there is nothing yet")
        return self._newest


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def failed(template_hash: str, stable_hash: str, stable_revision: str) -> Progress:
    state = RolloutState(
        template_hash=template_hash,
        phase="failed",
        number=2,
        started_at=0,
        progressed_at=0,
        stable_hash=stable_hash,
        stable_revision=stable_revision,
    )
    return Progress(rollouts={WEB: state})


def test_nothing_is_wanted_before_the_first_revision(folders: Folders) -> None:
    assert Wanted(FLEET, folders).update(Progress()) is None


def test_the_newest_revision_is_wanted(folders: Folders) -> None:
    wanted = Wanted(FLEET, folders)
    folders.push("one", deployment("web:v1"))
    folders.push("two", deployment("web:v2"))
    found = wanted.update(Progress())
    assert found is not None
    assert (found.revision.id, list(found.workloads)) == ("two", [WEB])


def test_the_same_revision_gives_the_same_object(folders: Folders) -> None:
    wanted = Wanted(FLEET, folders)
    folders.push("one", deployment("web:v1"))
    assert wanted.update(Progress()) is wanted.update(Progress())


def test_a_revision_with_an_error_is_refused_whole_and_the_last_good_one_stays(folders: Folders) -> None:
    wanted = Wanted(FLEET, folders)
    folders.push("good", deployment("web:v1"))
    wanted.update(Progress())
    folders.push("bad", deployment("web:v2") + "---\nkind: Nonsense\n")
    found = wanted.update(Progress())
    assert found is not None
    assert found.revision.id == "good"
    assert wanted.refusal is not None
    assert wanted.refusal.revision.id == "bad"
    assert isinstance(wanted.refusal.error, ManifestError)


def test_the_refusal_ends_with_the_next_good_revision(folders: Folders) -> None:
    wanted = Wanted(FLEET, folders)
    folders.push("bad", "kind: Nonsense\n")
    wanted.update(Progress())
    folders.push("good", deployment("web:v1"))
    assert wanted.update(Progress()) is not None
    assert wanted.refusal is None


def test_a_restart_onto_a_bad_revision_goes_back_to_the_accepted_one(folders: Folders) -> None:
    folders.push("good", deployment("web:v1"))
    folders.push("bad", "kind: Nonsense\n")
    found = Wanted(FLEET, folders).update(Progress(accepted="good"))
    assert found is not None
    assert found.revision.id == "good"


def test_fetch_raises_what_is_wrong(folders: Folders) -> None:
    folders.push("bad", "kind: Nonsense\n")
    with pytest.raises(ManifestError):
        Wanted(FLEET, folders).fetch()
    folders.problem = SourceError("the server is away")
    with pytest.raises(SourceError):
        Wanted(FLEET, folders).fetch()


def test_a_failed_workload_gets_its_stable_version_with_the_contents_of_its_time(folders: Folders) -> None:
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {LEVEL: %s}\n"
    wanted = Wanted(FLEET, folders)
    folders.push("one", deployment("web:v1", config="settings") + config % "low")
    first = wanted.update(Progress())
    folders.push("two", deployment("web:v2", config="settings") + config % "high")
    second = wanted.update(Progress())
    assert first is not None
    assert second is not None
    found = wanted.update(failed(second.hashes[WEB], first.hashes[WEB], "one"))
    assert found is not None
    stable = found.stable[WEB]
    assert stable.template_hash == first.hashes[WEB]
    assert stable.contents[Key("ConfigMap", "default", "settings")].data == {"LEVEL": "low"}
    assert wanted.update(failed(second.hashes[WEB], first.hashes[WEB], "one")) is found


def test_a_stable_version_that_the_source_has_lost_is_left_out(folders: Folders) -> None:
    wanted = Wanted(FLEET, folders)
    folders.push("one", deployment("web:v1"))
    folders.push("two", deployment("web:v2"))
    folders.forget("one")
    found = wanted.update(failed("x", "y", "one"))
    assert found is not None
    assert found.stable == {}


def test_what_no_node_can_hold_is_refused_once_nodes_have_told(tmp_path: Path) -> None:
    source, seen = Folders(tmp_path), dict[str, Capacity]()
    wanted = Wanted(FLEET, source, lambda: seen)
    large = deployment("web:v1").replace(
        "image: web:v1", "image: web:v1\n          resources: {requests: {memory: 16Gi}}"
    )
    source.push("r1", large)
    assert wanted.update(Progress()) is not None, "nobody knows yet how large the node is"
    seen["a"] = Capacity(cpu_milli=4000, memory=8 * 2**30)
    source.push("r2", large + "\n")
    found = wanted.update(Progress())
    assert found is not None
    assert found.revision.id == "r1"
    assert wanted.refusal is not None
    assert "requests 16Gi together, and the largest node has 8Gi" in str(wanted.refusal.error)


def test_what_was_accepted_before_is_not_refused_for_its_size(tmp_path: Path) -> None:
    source = Folders(tmp_path)
    source.push(
        "r1",
        deployment("web:v1").replace(
            "image: web:v1", "image: web:v1\n          resources: {requests: {memory: 16Gi}}"
        ),
    )
    wanted = Wanted(FLEET, source, lambda: {"a": Capacity(cpu_milli=4000, memory=8 * 2**30)})
    assert wanted.update(Progress(accepted="r1")) is not None
    assert wanted.refusal is None


class Slow:
    """Stands in for kustomize, or a server: begins, and ends when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        monkeypatch.setattr(wanted_module, "load_tree", self._load)
        monkeypatch.setattr(wanted_module, "PATIENCE_S", 0.01)
        monkeypatch.setattr(wanted_module, "OLDER_PATIENCE_S", 0.01)
        self.slow = ""

    def _load(self, root: Path, **options: Any) -> Loaded:
        if root.name == self.slow:
            self.begun.set()
            assert self.go.wait(60)
        return load_tree(root, **options)


def test_the_loop_goes_on_while_a_revision_is_being_read(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    wanted, news = Wanted(FLEET, folders), threading.Event()
    wanted.start(news.set)
    folders.push("one", deployment("web:v1"))
    until(lambda: wanted.update(Progress()))
    slow.slow = "two"
    folders.push("two", deployment("web:v2"))
    news.clear()
    for _ in range(3):
        found = wanted.update(Progress())
        assert found is not None
        assert found.revision.id == "one"
    assert slow.begun.wait(60)
    folders.push("three", deployment("web:v3"))
    slow.go.set()
    assert news.wait(60), "whoever went on without it is told"
    until(lambda: (now := wanted.update(Progress())) is not None and now.revision.id == "three")


def test_an_older_revision_that_takes_its_time_holds_nothing_up(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    slow.slow = "good"
    wanted = Wanted(FLEET, folders)
    folders.push("good", deployment("web:v1"))
    folders.push("bad", "kind: Nonsense\n")
    assert wanted.update(Progress(accepted="good")) is None
    slow.go.set()
    until(lambda: wanted.update(Progress(accepted="good")))


def test_stopped_it_waits_for_nothing(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    monkeypatch.setattr(wanted_module, "PATIENCE_S", 300.0)
    slow.slow = "one"
    folders.push("one", deployment("web:v1"))
    wanted = Wanted(FLEET, folders)
    with ThreadPoolExecutor(1) as loop:
        found = loop.submit(wanted.update, Progress())
        assert slow.begun.wait(60)
        wanted.stop()
        assert found.result(60) is None
        slow.go.set()
    assert wanted.refusal is None


def test_a_bug_in_reading_refuses_the_revision_and_ends_nothing(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folders.push("one", deployment("web:v1"))
    wanted = Wanted(FLEET, folders)
    wanted.update(Progress())
    monkeypatch.setattr(wanted_module, "load_tree", lambda *_, **__: {}["missing"])
    folders.push("two", deployment("web:v2"))
    found = wanted.update(Progress())
    assert found is not None
    assert found.revision.id == "one"
    assert wanted.refusal is not None
    assert "please report it" in str(wanted.refusal.error)
    assert "a bug while reading revision two" in caplog.text
