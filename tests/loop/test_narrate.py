"""A turn in words."""

from __future__ import annotations

from reconciler.errors import ManifestError, SourceError
from reconciler.loop.narrate import Narrator, describe
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Refusal
from reconciler.model.finding import Finding
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Verdict
from reconciler.model.revision import Revision
from tests.decide.builders import deployment, desired, service
from tests.decide.network.worlds import networked, running


def test_what_several_nodes_are_told_alike_is_said_once() -> None:
    world = running(deployment(replicas=1), of=networked(), services=(service(),))
    world.commit(desired(deployment(replicas=2), of=networked(), services=(service(),)))
    world.turn()
    plan = world.decide()
    assert len(plan.steps) == 3
    turn = Turn(
        at=1.0, seconds=0.0, observed=world.observe(), desired=world.desired, plan=plan, begun=plan.steps
    )
    lines, events = Narrator().tell(turn)
    text = "publish pi-1, pi-2, pi-3: web: +web-bab6b4aa03-1"
    assert text in lines
    found = [e for e in events if e.reason == "EndpointsChanged"]
    assert [(e.message, e.about, e.node) for e in found] == [(text, Key("Fleet", "", ""), "")]
    alone = Turn(**{name: getattr(turn, name) for name in turn.__struct_fields__} | {"begun": plan.steps[:1]})
    (event,) = [e for e in Narrator().tell(alone)[1] if e.reason == "EndpointsChanged"]
    assert (event.about, event.node) == (Key("Node", "", "pi-1"), "pi-1")


def test_how_an_object_stands_is_said_once() -> None:
    assert describe(Verdict(standing="paused", message="paused at step 2")) == "paused at step 2"
    assert describe(Verdict(standing="paused", message="it couldn't tell")) == "paused: it couldn't tell"
    told = describe(Verdict(standing="progressing", desired=3, updated=1))
    assert told == "progressing: 1 of 3 pods updated, 0 available"


def test_an_error_of_several_lines_is_told_line_by_line() -> None:
    found = [Finding(file=f"{name}.yaml", message="bad", remedy="mend it") for name in ("a", "b")]
    turn = Turn(
        at=1.0,
        seconds=0.0,
        observed=Observed(),
        refusal=Refusal(revision=Revision(id="a" * 40), error=ManifestError(found)),
        source_error=SourceError("gone\nfleet home: converged", where="git", remedy="bring it back"),
    )
    assert Narrator().tell(turn)[0] == [
        "revision aaaaaaa is refused:",
        "a.yaml: bad",
        "  mend it",
        "b.yaml: bad",
        "  mend it",
        "the source can't be read: git: gone",
        "  fleet home: converged",
        "  bring it back",
    ]
