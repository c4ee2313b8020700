"""Records of what has ended, as they are read from a node: parsed, bounded, and never in the way."""

from __future__ import annotations

import msgspec

from reconciler.engine.observing.ended import of_this_pod, remembered
from reconciler.engine.pods import records
from reconciler.model.observed import ContainerState, Ending, HeldImage
from tests.engine.pods import record

POD = record("job", {"containers": [{"name": "app", "image": "job:v1"}], "restartPolicy": "Never"})
ENDED = ContainerState(name="app", role="main", state="exited", exit_code=0, started_at=1.0, finished_at=2.0)
ENDING = Ending(record=POD, containers=(ENDED,))


def test_what_is_recorded_is_read_back_and_is_of_the_node_it_was_read_on() -> None:
    found = records.parse(msgspec.json.encode(ENDING) + b"\n", "pi-9")
    assert found.complaints == ()
    (ending,) = found.endings.values()
    assert ending.containers == (ENDED,)
    assert ending.record == msgspec.structs.replace(POD, node="pi-9", ip="")


def test_a_damaged_record_is_said_and_the_others_count() -> None:
    text = b'{"record": 7}\n\xff\xfe\n[]\n' + msgspec.json.encode(ENDING) + b'\n{"record":{"namesp'
    found = records.parse(text, "pi-1")
    assert len(found.endings) == 1
    assert found.complaints == (
        "4 damaged records of ended pods below /var/lib/reconciler: what they are about may run again",
    )


def test_the_record_stands_in_for_a_container_that_is_gone_and_for_no_other() -> None:
    gone = ContainerState(name="app", role="main", state="absent")
    there = ContainerState(name="app", role="main", state="running", started_at=5.0)
    assert remembered((gone,), ENDING) == (ENDED,)
    assert remembered((there,), ENDING) == (there,)
    assert remembered((gone,), None) == (gone,)


def test_a_record_of_an_earlier_pod_of_that_name_says_nothing_of_this_one() -> None:
    changed = msgspec.structs.replace(POD, template_hash="another")
    assert of_this_pod(POD, ENDING) is ENDING
    assert of_this_pod(changed, ENDING) is None


def test_images_that_were_pulled_stand_beside_what_has_ended() -> None:
    image = HeldImage(name="web:v1", pulled_at=1.0, used_at=2.0)
    found = records.parse(msgspec.json.encode(image) + b"\n" + msgspec.json.encode(ENDING), "pi-1")
    assert found.images == {"web:v1": image}
    assert len(found.endings) == 1
