"""From a decision to actions: start so many, stop these, tend those. Every action gets its reason here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from reconciler.decide.attempts import lacks_build
from reconciler.decide.current import Pass
from reconciler.decide.lifecycle import LONGEST_BACKOFF, Care, care, grace_of, unrecorded
from reconciler.decide.origin import rightful
from reconciler.decide.schedule.address import in_slice, pod_ip
from reconciler.decide.schedule.filters import Refused
from reconciler.decide.schedule.place import Placer
from reconciler.decide.slots import Slot, Slots
from reconciler.decide.survey import NodeView
from reconciler.decide.version import Version
from reconciler.model.action import (
    PrepareNode,
    RecordEnd,
    RestartContainer,
    StartContainers,
    StartPod,
    StopPod,
)
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, Ending, PodRecord, PodState
from reconciler.model.progress import Attempt


def start_pods(
    turn: Pass,
    owner: Key,
    version: Version,
    count: int,
    because: str,
    own: Iterable[PodRecord],
    *,
    after: Sequence[int] = (),
    refused: Refused = frozenset(),
    name: str = "",
) -> str:
    """Place and start `count` pods. Returns why not all of them found a place, "" if they did.

    `name` is that of a single one which mustn't have another.
    """
    if count <= 0:
        return ""
    placer = Placer(turn.ground, version, owner, own, refused)
    name = name or (owner.name if owner.kind == "Pod" else "")
    names = iter((name,)) if name else turn.names.free(owner, version.template_hash)
    blocked = ""
    for started in range(count):
        view = placer.choose()
        if view is None:
            blocked = _missing(count - started, count) + placer.why_not()
            break
        record = _record(turn, owner, version, next(names), view)
        placer.placed(record)
        start_record(turn, record, because, after)
    placer.done()
    return blocked


def _missing(missing: int, count: int) -> str:
    return "" if missing == count == 1 else f"{missing} of {count} pods have no place: "


def _record(turn: Pass, owner: Key, version: Version, name: str, view: NodeView) -> PodRecord:
    if version.spec.host_network:
        return version.record(owner, name, view.name, "")
    cidr = turn.ground.slices.of(view)
    ip = pod_ip(cidr, owner.namespace, name, turn.ground.room(view).ips)
    return version.record(owner, name, view.name, ip)


def start_record(turn: Pass, record: PodRecord, because: str, after: Sequence[int] = ()) -> None:
    """Start this very pod, behind the making of its node's network if there is none yet."""
    view = turn.survey.views[record.node]
    number = None if view.state.pod_cidr else _prepare(turn, view)
    prepared = () if number is None else (number,)
    action = StartPod(
        node=record.node,
        because=because,
        owner=record.owner,
        namespace=record.namespace,
        pod=record.name,
        record=record,
    )
    turn.draft.act(action, (*after, *prepared))


def prepare_idle(turn: Pass) -> None:
    """Where pods are started anyway, give every other node its pod network, too.

    So any node that can be reached later tells whether the fleet has run before (see `hidden`). Every
    node takes part in a network of our own, whether pods run there or not.
    """
    desired = turn.desired
    taking_part = desired.fleet.spec.network.enabled and (desired.workloads or desired.services)
    if not taking_part and not turn.draft.starting():
        return
    for view in turn.survey.views.values():
        if view.status == "ready" and view.spec is not None and not view.state.pod_cidr:
            _prepare(turn, view)


def _prepare(turn: Pass, view: NodeView) -> int | None:
    """The number of the step that makes the node's network; None when the fleet's range has no slice left."""
    if view.name not in turn.ground.prepared and (cidr := turn.ground.slices.of(view)):
        action = PrepareNode(node=view.name, because="it joins the fleet", owner=None, pod_cidr=cidr)
        turn.ground.prepared[view.name] = turn.draft.act(action)
    return turn.ground.prepared.get(view.name)


def stop_pod(turn: Pass, pod: PodState, because: str) -> int | None:
    """Stop a pod; None when its node can't be asked, or something is being done to it: a later pass will."""
    view = turn.survey.views[pod.node]
    if pod.busy or pod.terminating or view.status != "ready":
        if view.status == "ready":
            turn.draft.wait(f"pod {pod.record.name}", "something is being done to it; then it goes")
        return None
    record = pod.record
    return turn.draft.act(
        StopPod(
            node=pod.node,
            because=because,
            owner=record.owner,
            namespace=record.namespace,
            pod=record.name,
            grace=grace_of(pod),
        )
    )


def stop_slots(turn: Pass, slots: Iterable[Slot], because: str) -> list[int]:
    """Stop what holds these places; an attempt alone is just forgotten."""
    numbers = [stop_pod(turn, s.pod, because) for s in slots if s.pod is not None]
    return [n for n in numbers if n is not None]


def clear_faulty(turn: Pass, slots: Slots) -> list[int]:
    numbers = [stop_pod(turn, pod, because) for pod, because in slots.faulty]
    return [n for n in numbers if n is not None]


def note_away(turn: Pass, slots: Slots) -> None:
    """Pods that are given up and still may run: say what becomes of them."""
    for pod in slots.away:
        view = turn.survey.views[pod.node]
        if view.status == "removed":
            turn.draft.note(f"{pod.node} has left the inventory with pods on it; nobody can stop them now")
        else:
            turn.draft.note(f"{pod.node} is lost; the pods last seen there are removed when it is back")


def tend(turn: Pass, slots: Iterable[Slot]) -> int:
    """Give each pod that stays what it needs next. Returns how many are being worked on or waited for."""
    return sum(_tend(turn, slot) for slot in slots)


def _tend(turn: Pass, slot: Slot) -> bool:
    if slot.attempt is not None:
        return _retry(turn, slot, slot.attempt)
    if slot.pod is None or not slot.reachable:
        return not slot.reachable
    if ended := () if slot.pod.busy else unrecorded(slot.pod):
        _record_end(turn, slot.pod, ended)
        return True
    if slot.available_at is not None:
        turn.draft.wait(f"pod {slot.name}", "it must stay ready for minReadySeconds", slot.available_at)
    clock = slot.view.clock(turn.now)
    found = care(slot.pod, clock)
    if found.need == "nothing":
        if found.until is not None:
            turn.draft.wait(f"pod {slot.name}", found.because, turn.now + found.until - clock)
        elif not slot.ready and not slot.over:
            turn.draft.wait(f"pod {slot.name}", _unready(slot.pod))
        return not slot.ready and not slot.over
    _give(turn, slot.pod, found)
    return True


def _record_end(turn: Pass, pod: PodState, ended: tuple[ContainerState, ...]) -> None:
    known = tuple(c for c in pod.containers if c.name in pod.recorded)
    names = ", ".join(c.name for c in ended)
    record = pod.record
    turn.draft.act(
        RecordEnd(
            node=pod.node,
            because=f"{names} has ended and isn't run again, also when Docker has forgotten it",
            owner=record.owner,
            namespace=record.namespace,
            pod=record.name,
            ending=Ending(record=record, containers=(*known, *ended)),
        )
    )


def _unready(pod: PodState) -> str:
    sick = next((c.probe_message for c in pod.containers if not c.ready and c.probe_message), "")
    text = ": ".join(t for t in (pod.reason, pod.message or sick) if t)
    return text or "it isn't ready yet"


def _give(turn: Pass, pod: PodState, found: Care) -> None:
    record = pod.record
    match found.need:
        case "complete":
            _complete(turn, pod, found.because)
        case "start":
            turn.draft.act(
                StartContainers(
                    node=pod.node,
                    because=found.because,
                    owner=record.owner,
                    namespace=record.namespace,
                    pod=record.name,
                    containers=found.containers,
                )
            )
        case "restart":
            turn.draft.act(
                RestartContainer(
                    node=pod.node,
                    because=found.because,
                    owner=record.owner,
                    namespace=record.namespace,
                    pod=record.name,
                    container=found.containers[0],
                    grace=found.grace,
                )
            )


def _complete(turn: Pass, pod: PodState, because: str) -> None:
    """As its manifest has it; a pod of which no manifest tells makes room for one that has one."""
    found = _rightful(turn, pod.record)
    if isinstance(found, str):
        stop_pod(turn, pod, f"{because}, and {found}")
    else:
        start_record(turn, found, because)


def _rightful(turn: Pass, record: PodRecord) -> PodRecord | str:
    view = turn.survey.views[record.node]
    return rightful(turn.desired, turn.every_run, record, view, turn.ground.slices.of(view))


def _retry(turn: Pass, slot: Slot, attempt: Attempt) -> bool:
    if slot.pod is not None and slot.pod.busy:
        turn.attempts[attempt.record.key] = attempt
        return True
    found = _rightful(turn, _addressed(turn, slot))
    if isinstance(found, str):
        if slot.pod is not None:
            stop_pod(turn, slot.pod, f"{attempt.reason}, and {found}")
        return True
    turn.attempts[attempt.record.key] = attempt
    said = f"{attempt.reason}: {attempt.message}" if attempt.message else attempt.reason
    set_back = attempt.retry_at > turn.now + LONGEST_BACKOFF  # the clock, after that was written
    if (attempt.retry_at > turn.now and not set_back) or not slot.reachable:
        turn.draft.wait(f"pod {slot.name}", said, attempt.retry_at if slot.reachable else None)
        return True
    start_record(turn, found, f"try {attempt.count + 1} after {said}")
    return True


def _addressed(turn: Pass, slot: Slot) -> PodRecord:
    """The record as it was, unless the node's slice has become another one since."""
    record = slot.record
    cidr = turn.ground.slices.of(slot.view)
    if in_slice(record, cidr):
        return record
    ip = pod_ip(cidr, record.namespace, record.name, turn.ground.room(slot.view).ips)
    return msgspec.structs.replace(record, ip=ip)


def without_unfit(slots: Slots, refused: Refused) -> Slots:
    """Attempts on a node whose architecture the image isn't built for lose their place."""
    fit = tuple(s for s in slots.here if s.pod is not None or _arch(s) not in refused)
    return slots if len(fit) == len(slots.here) else msgspec.structs.replace(slots, here=fit)


def without_stale(slots: Slots, template_hash: str) -> Slots:
    """Attempts at a version that is no longer wanted: nothing runs, so nothing is lost."""
    kept = tuple(s for s in slots.here if s.pod is not None or s.record.template_hash == template_hash)
    return slots if len(kept) == len(slots.here) else msgspec.structs.replace(slots, here=kept)


def learned(slots: Slots, before: Iterable[str]) -> tuple[str, ...]:
    """Architectures that the image is known to have no build for, with what these attempts add."""
    new = {_arch(s) for s in slots.here if s.attempt is not None and lacks_build(s.attempt)}
    return tuple(sorted(new.union(before)))


def _arch(slot: Slot) -> str:
    return slot.view.state.facts.architecture
