from __future__ import annotations

from reconciler.engine.observing.seen import Seen
from reconciler.errors import NodeUnreachable
from reconciler.model.meta import Key
from reconciler.model.observed import NodeFacts, PodRecord, PodState
from reconciler.model.pod import PodSpec

FACTS = NodeFacts(cpu_milli=2000)


def pod(name: str, **changes: object) -> PodState:
    record = PodRecord(
        namespace="default",
        name=name,
        owner=Key("Deployment", "default", "web"),
        template_hash="h",
        revision="r",
        node="pi-1",
        spec=PodSpec(containers=()),
    )
    return PodState(record=record, **changes)  # type: ignore[arg-type]  # whichever fields the test varies


class Told:
    def __init__(self) -> None:
        self.times = 0
        self.now = 100.0
        self.ready = True

    def judge(self, pods: tuple[PodState, ...]) -> tuple[PodState, ...]:
        return tuple(pod(p.record.name, phase=p.phase, ready=self.ready) for p in pods)

    def changed(self) -> None:
        self.times += 1

    def seen(self) -> Seen:
        return Seen("pi-1", self.judge, self.changed, lambda: self.now)


def test_a_node_that_was_never_asked_is_neither_there_nor_lost() -> None:
    assert Told().seen().state.reachable is None


def test_the_same_listing_again_changes_nothing_not_even_the_object() -> None:
    told = Told()
    seen = told.seen()
    seen.listed((pod("a"), pod("b")), FACTS, "10.42.1.0/24")
    first = seen.state
    seen.listed((pod("a"), pod("b")), FACTS, "10.42.1.0/24")
    assert seen.state is first
    assert told.times == 1


def test_what_did_not_change_keeps_its_identity() -> None:
    told = Told()
    seen = told.seen()
    seen.listed((pod("a"), pod("b")), FACTS, "")
    a, _ = seen.state.pods
    seen.listed((pod("a"), pod("b", phase="Failed")), FACTS, "")
    assert seen.state.pods[0] is a
    assert seen.state.pods[1].phase == "Failed"


def test_a_verdict_of_a_probe_is_a_change() -> None:
    told = Told()
    seen = told.seen()
    seen.listed((pod("a"),), FACTS, "")
    seen.judged()
    assert told.times == 1
    told.ready = False
    seen.judged()
    assert told.times == 2
    assert not seen.state.pods[0].ready


def test_a_lost_node_keeps_its_pods_and_the_time_it_was_lost_at() -> None:
    told = Told()
    seen = told.seen()
    seen.listed((pod("a"),), FACTS, "10.42.1.0/24")
    seen.lost(NodeUnreachable("silent", node="pi-1"))
    told.now = 200.0
    seen.lost(NodeUnreachable("refused", node="pi-1"))
    state = seen.state
    assert (state.reachable, state.lost_since, state.message) == (False, 100.0, "refused")
    assert (len(state.pods), state.facts, state.pod_cidr) == (1, FACTS, "10.42.1.0/24")
    seen.listed((pod("a"),), FACTS, "10.42.1.0/24")
    assert (seen.state.reachable, seen.state.lost_since, seen.state.message) == (True, None, "")
