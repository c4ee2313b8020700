"""Golden texts: what people read."""

from __future__ import annotations

import msgspec

from reconciler.decide.diff import changes, summary
from reconciler.decide.version import wanted_version
from reconciler.engine.simulation.forecast import forecast
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.model.meta import Key
from reconciler.model.progress import Progress
from tests.decide.builders import WEB, bare_pod, deployment, desired, fleet, replica_set, rollout
from tests.laws.world import World

FIRST = """\
#1 prepare pi-1 (pods 10.42.116.0/24): it joins the fleet
#2 start web-bab6b4aa03-0@pi-1 after #1: web wants 3 and has 0
#3 prepare pi-2 (pods 10.42.38.0/24): it joins the fleet
#4 start web-bab6b4aa03-1@pi-2 after #3: web wants 3 and has 0
#5 prepare pi-3 (pods 10.42.35.0/24): it joins the fleet
#6 start web-bab6b4aa03-2@pi-3 after #5: web wants 3 and has 0
wait for Deployment default/web: its rollout fails if it makes no progress"""

ROLL = """\
revision c0ffee0 Update the fleet
now:
  #1 start web-b381014e7e-0@pi-1: image changed web:v1 -> web:v2
then, once what was started is ready:
  #1 stop web-bab6b4aa03-2@pi-3: image changed web:v1 -> web:v2
then, as those go:
  #1 start web-b381014e7e-1@pi-3: image changed web:v1 -> web:v2
then, once what was started is ready:
  #1 stop web-bab6b4aa03-1@pi-2: image changed web:v1 -> web:v2
then, as those go:
  #1 start web-b381014e7e-2@pi-2: image changed web:v1 -> web:v2
then, once what was started is ready:
  #1 stop web-bab6b4aa03-0@pi-1: image changed web:v1 -> web:v2
in the end: converged; pods: 3 start, 3 stop"""


def test_the_first_plan() -> None:
    world = World(desired(deployment()))
    assert str(world.decide()) == FIRST


def test_the_course_of_a_rolling_update() -> None:
    world = World(desired(deployment()))
    world.run()
    wanted = desired(deployment(image="web:v2"))
    course = forecast(wanted, world.observe(), world.progress, world.now)
    assert str(course) == ROLL
    assert course.changes
    assert course.diff() == "Deployment default/web\n  spec.containers[app].image: web:v1 -> web:v2"
    again = msgspec.json.decode(course.as_json())
    assert again["standing"] == "converged"
    assert len(again["waves"]) == 6


def test_nothing_to_do() -> None:
    world = World(desired(deployment()))
    world.run()
    course = forecast(world.desired, world.observe(), world.progress, world.now)
    assert str(course) == (
        "revision c0ffee0 Update the fleet\nnothing to do: the fleet is as this revision wants it"
    )
    assert not course.changes


def test_waves_that_only_time_brings_say_what_they_wait_for() -> None:
    wanted = desired(deployment(minReadySeconds=30, replicas=2))
    world = World(wanted)
    world.run()
    course = forecast(
        desired(deployment(image="web:v2", minReadySeconds=30, replicas=2)),
        world.observe(),
        world.progress,
        world.now,
    )
    assert "then, in 30s at the earliest (wait for pod web-" in str(course)
    assert "it must stay ready for minReadySeconds" in str(course)
    assert course.at == 60.0
    assert "in the end after 1m at the earliest: converged" in str(course)


def test_a_course_that_ends_badly_says_why() -> None:
    of = fleet({"name": "pi-1", "unschedulable": True})
    wanted = desired(deployment(replicas=1), of=of)
    course = forecast(wanted, SimulatedFleet(of).observe(0.0), Progress(), 0.0)
    assert str(course).splitlines()[-2:] == [
        "in the end after 10m at the earliest: failed; no pod is touched",
        (
            "  Deployment default/web: failed: no progress for 10m: "
            "0 of 1 pods of bab6b4aa03 available; 0/1 nodes fit: 1 cordoned"
        ),
    ]


def test_changed_fields_one_by_one() -> None:
    before = desired(deployment(container={"env": [{"name": "A", "value": "1"}], "args": ["x"]}))
    after = desired(
        deployment(
            container={"env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
            pod={"hostNetwork": True},
        )
    )
    record = wanted_version(before, WEB).record(WEB, "web-0", "pi-1", "")
    assert changes(record, wanted_version(after, WEB)) == (
        'spec.containers[app].args: ["x"] -> (unset)',
        "spec.containers[app].env[A].value: 1 -> 2",
        'spec.containers[app].env[B]: (unset) -> {"name":"B","value":"3"}',
        "spec.hostNetwork: (unset) -> true",
    )


def test_changed_contents_are_named_and_not_shown() -> None:
    volumes = [{"name": "v", "configMap": {"name": "site"}}, {"name": "s", "secret": {"secretName": "tls"}}]
    wanted = desired(deployment(pod={"volumes": volumes}), hashes={WEB: "aaaaaaaaaa"})
    before = wanted_version(wanted, WEB)
    after = msgspec.structs.replace(before, template_hash="bbbbbbbbbb")
    record = before.record(WEB, "web-0", "pi-1", "")
    assert changes(record, after) == ("ConfigMap site or Secret tls changed",)


def test_another_order_is_called_one_and_no_changed_contents() -> None:
    volumes = [{"name": "v", "configMap": {"name": "site"}}, {"name": "w", "emptyDir": {}}]
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]
    before = desired(deployment(pod={"volumes": volumes}, container={"env": env}), hashes={WEB: "aaaaaaaaaa"})
    after = desired(
        deployment(pod={"volumes": volumes[::-1]}, container={"env": env[::-1]}), hashes={WEB: "bbbbbbbbbb"}
    )
    record = wanted_version(before, WEB).record(WEB, "web-0", "pi-1", "")
    assert changes(record, wanted_version(after, WEB)) == ("spec.containers[app].env: in another order",)


def test_a_version_s_own_label_is_no_change() -> None:
    """As of a Deployment's: the reconciler has set it."""
    rolled = Key("Rollout", "default", "web")
    volumes = [{"name": "v", "configMap": {"name": "site"}}]
    wanted = desired(rollout({"canary": {}}, pod={"volumes": volumes}), hashes={rolled: "aaaaaaaaaa"})
    record = wanted_version(wanted, rolled).record(rolled, "web-0", "pi-1", "")
    version = wanted_version(msgspec.structs.replace(wanted, hashes={rolled: "bbbbbbbbbb"}), rolled)
    assert changes(record, version) == ("ConfigMap site changed",)
    assert summary(record, version) == "ConfigMap site changed"


def test_a_bare_pod_and_a_set_say_how_they_take_a_change() -> None:
    world = World(desired(bare_pod(), replica_set()))
    world.run()
    world.commit(desired(bare_pod(image="job:v2"), replica_set(image="web:v2")))
    text = str(world.decide())
    assert "stop job@" in text
    assert "image changed job:v1 -> job:v2; Git is the truth, so the pod is replaced" in text
    assert "note: ReplicaSet default/rs: its template changed; running pods keep the old one" in text


def test_what_is_lost_and_what_is_pruned_is_said() -> None:
    world = World(desired(deployment(), deployment("api")))
    world.run()
    world.fleet.lose("pi-1", world.now)
    world.now += 400
    text = str(world.decide())
    assert "pi-1 is gone with its pods" in text
    assert "note: pi-1 is lost; the pods last seen there are removed when it is back" in text
    world.fleet.heal("pi-1")
    world.commit(desired(deployment()))
    assert "no manifest of c0ffee0 wants Deployment default/api" in str(world.decide())
