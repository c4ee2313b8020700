"""Laws 2, 5, 6, 7, 11: the same text always, no prune by accident, no node taken for empty, no secret."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide import decide
from reconciler.decide.attempts import after_failure
from reconciler.engine.simulation.forecast import forecast, without_node
from reconciler.loop.wanted import Wanted
from reconciler.model.action import StartPod
from reconciler.model.config import Secret
from reconciler.model.desired import Desired
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.observed import Observed
from reconciler.model.progress import Progress
from reconciler.model.revision import Revision
from reconciler.source.snapshot import Snapshot
from tests.decide.builders import WEB, bare_pod, deployment, desired, fleet
from tests.laws.happen import truth
from tests.laws.processes import said_in_processes
from tests.laws.strategies import GOOD, fleets, revisions
from tests.laws.test_laws import law
from tests.laws.world import World


def converged(of: Fleet, wanted: Desired) -> World:
    world = World(wanted)
    assert world.run().standing == "converged"
    return world


ROLL = """
from tests.decide.builders import deployment, desired
from tests.laws.world import World
world = World(desired(deployment(), deployment("api", replicas=5), deployment("db", replicas=2)))
texts = []
for image in ("web:v1", "web:v2"):
    world.commit(desired(deployment(image=image), deployment("api", image, 5)))
    for _ in range(8):
        texts.append(str(world.turn()))
        world.now += 1
print("\\n".join(texts))
"""


@pytest.mark.programs
def test_the_same_text_in_every_process() -> None:
    """Law 2: whatever order Python gives its sets and hashes."""
    (text,) = said_in_processes(ROLL)
    assert "image changed" in text


@law
@given(data=st.data(), how=st.sampled_from(["incomplete", "empty", "disabled", "wanted gone"]))
def test_nothing_is_pruned_by_accident(data: st.DataObject, how: str) -> None:
    """Law 5: and what is pruned, the plan says first."""
    of = fleet(prune={"enabled": how != "disabled"})
    before = data.draw(revisions(of, GOOD))
    world = converged(of, before)
    pods = {p.key: p for p in truth(world)}
    kept = () if how in ("empty", "incomplete") else (deployment("other", replicas=0),)
    world.commit(desired(*kept, of=of, complete=how != "incomplete"))
    plan = world.decide()
    world.run()
    left = {p.key for p in truth(world)}
    if how == "wanted gone":
        assert not left
        assert {s.action.key for s in plan.steps} == pods.keys(), "the plan says so first"
        assert all("wants" in s.action.because for s in plan.steps)
    else:
        assert left == pods.keys()
        assert not plan.steps
        assert not pods or any("not pruned" in n for n in plan.notes)


@law
@given(data=st.data(), gone=st.sets(st.integers(1, 4), max_size=3), forgot=st.booleans())
def test_a_node_that_cannot_be_reached_is_not_an_empty_one(
    data: st.DataObject, gone: set[int], forgot: bool
) -> None:
    """Law 6: until its pods are given up none of them is started elsewhere; the others are left alone."""
    of = data.draw(fleets())
    world = converged(of, data.draw(revisions(of, GOOD)))
    for number in sorted(gone):
        if f"pi-{number}" in world.fleet.machines:
            world.fleet.lose(f"pi-{number}", world.now)
    if forgot:
        world.fleet.forget()
        world.restart(lost=data.draw(st.booleans()))
    done = len(world.fleet.log)
    for later in (0, 30, 20, 200):
        world.now += later
        assert not world.turn().steps, "delays its own pods only"
    assert len(world.fleet.log) == done
    for name in world.fleet.machines:
        world.fleet.heal(name)
    assert world.run().standing == "converged"
    assert len(world.fleet.log) == done, "all is as it was: nothing was doubled, nothing restarts"


@law
@given(data=st.data(), dark=st.integers(0, 3), lost=st.booleans())
def test_a_node_that_was_not_asked_yet_may_hold_anything(data: st.DataObject, dark: int, lost: bool) -> None:
    """Law 6, at the start of a reconciler: its nodes answer one after the other."""
    of = data.draw(fleets())
    world = converged(of, data.draw(revisions(of, GOOD)))
    names = list(world.fleet.machines)
    for name in names[dark % len(names) :]:
        world.fleet.unask(name)
    world.fleet.forget()
    world.restart(lost=lost)
    for name in [*names[dark % len(names) :]]:
        plan = world.turn()
        assert not plan.steps, str(plan)
        world.fleet.heal(name)
        world.now += 1
    assert not world.turn().steps


class Folder:
    """A source of one folder that changes its revision."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def latest(self) -> Snapshot | None:
        return self.snapshot

    def error(self) -> None:
        return None

    def at(self, revision_id: str) -> None:
        return None


MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: app, image: "{name}:v1"}}]}}
"""
BROKEN = ("replicas: three", "kind: Deploymint", "{", "apiVersion: apps/v1\nkind: Deployment\n", "\t- x")


@law
@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    broken=st.sampled_from(BROKEN),
    place=st.integers(0, 3),
)
def test_a_revision_with_an_invalid_manifest_is_not_applied_in_part(
    counts: list[int], broken: str, place: int
) -> None:
    """Law 7: however many of its files are right, what is desired stays the very same."""
    source = Folder()
    wanted = Wanted(fleet(), source)  # type: ignore[arg-type]  # of a source it needs only these three
    with TemporaryDirectory() as good, TemporaryDirectory() as bad:
        (Path(good) / "a.yaml").write_text(MANIFEST.format(name="a", replicas=1))
        source.snapshot = Snapshot(revision=Revision(id="good"), root=Path(good))
        before = wanted.update(Progress())
        for number, replicas in enumerate(counts):
            (Path(bad) / f"{number}.yaml").write_text(MANIFEST.format(name=f"w{number}", replicas=replicas))
        (Path(bad) / f"{place}x.yaml").write_text(broken)
        source.snapshot = Snapshot(revision=Revision(id="bad"), root=Path(bad))
        assert wanted.update(Progress()) is before
        assert wanted.refusal is not None
        assert wanted.refusal.revision.id == "bad"


SECRET = Key("Secret", "default", "token")


@law
@given(value=st.text("abcdefghij", min_size=12, max_size=30), as_file=st.booleans(), fails=st.booleans())
def test_a_secret_value_is_nowhere(value: str, as_file: bool, fails: bool) -> None:
    """Law 11: not in plans, their JSON, progress, forecasts, diffs, nor in what is recorded on pods."""
    source = {"secretKeyRef": {"name": "token", "key": "k"}}
    container = {"env": [{"name": "TOKEN", "valueFrom": source}]}
    volumes = [{"name": "t", "secret": {"secretName": "token"}}] if as_file else []
    pod = {"volumes": volumes}

    def revision(secret: str, number: str) -> Desired:
        meta = ObjectMeta(name="token", namespace="default")
        content = Secret(api_version="v1", kind="Secret", metadata=meta, string_data={"k": secret})
        web = deployment(container=container, pod=pod)
        return desired(web, bare_pod(), contents=(content,), hashes={WEB: number * 10})

    world = World(revision(value, "a"))
    said = []
    for number, wanted in (("a", revision(value, "a")), ("b", revision(value + "!", "b"))):
        world.commit(wanted)
        course = forecast(wanted, world.observe(), world.progress, world.now)
        said += [str(course), course.as_json(), course.diff(), number]
        plan = world.turn()
        if fails:
            start = next(s.action for s in plan.steps if isinstance(s.action, StartPod))
            world.progress = after_failure(world.progress, start, "ErrImagePull", "no", world.now)
        said += [str(plan), *(msgspec.json.encode(s).decode() for s in plan.steps), str(world.progress)]
        world.run()
    text = "\n".join(said)
    assert "Secret token changed" in text
    assert value not in text


def test_without_a_node_its_pods_go_elsewhere() -> None:
    """`plan --without-node`: every pod of the dead node has another place, nothing else moves."""
    world = converged(fleet(), desired(deployment(replicas=6)))
    observed: Observed = world.observe()
    course = forecast(world.desired, without_node(observed, "pi-2", world.now), world.progress, world.now)
    started = [s.action for w in course.waves for s in w.plan.steps]
    assert course.standing == "converged"
    assert [type(a).__name__ for a in started] == ["StartPod", "StartPod"]
    assert {a.node for a in started} == {"pi-1", "pi-3"}
    assert decide(world.desired, observed, world.progress, world.now).steps == ()
