"""What pods a node holds, rebuilt from the labels on its containers and volumes alone.

Everything that carries the fleet's label is shown: half-made pods, leftovers, pods that nobody wants. What it
means is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, cast

import msgspec

from reconciler.decide.schedule.address import in_slice
from reconciler.engine.connection.answers import Summary
from reconciler.engine.connection.client import Engine
from reconciler.engine.observing import container_state, door, ended
from reconciler.engine.observing.phase import pod_status
from reconciler.engine.pods import owned
from reconciler.engine.pods.held import vanished
from reconciler.engine.pods.naming import HELPER_ROLE
from reconciler.engine.pods.pod import docker_name, roles
from reconciler.errors import AnswerUnreadable, CallTimeout, EngineError
from reconciler.model import labels
from reconciler.model.container import Container
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, Ending, PodRecord, PodState
from reconciler.model.pod import PodSpec

_MOST_RECORDS = 1000
UNREAD = "its labels can't be read in full: another version has written them, or they are damaged"
_INSPECT_SECONDS = 10.0
_LET_BE = 60.0
"""Seconds until a container about which the Engine says nothing is asked about again."""

PodName = tuple[str, str]
"""Namespace and name."""


class ObserveCache:
    """What was seen last, so that a listing asks only about what changed. One per node and connection.

    A listing tells a container that was restarted from one that went on by its uptime, whose words are coarse
    ("Up 3 hours"): a full look (`clear`) now and then catches what that misses.
    """

    def __init__(self) -> None:
        self.containers: dict[str, tuple[container_state.Listed, ContainerState]] = {}
        """Container ID -> what its listing said, and its state."""
        self.restarts: dict[str, container_state.Count] = {}
        self.silent: dict[str, float] = {}
        """Container ID -> when (`time.monotonic`) to ask about it again: the Engine had no answer."""
        self.pods: dict[PodName, PodState] = {}
        self.listing: tuple[PodState, ...] = ()
        self.records: dict[str, PodRecord] = {}
        self.cidr = ""
        self.doubts: dict[PodName, str] = {}
        """Why the node can't be right about a pod."""
        self.summaries: list[dict[str, Any]] = []
        """Every container of the fleet, as the last listing had it (`answers.Summary`)."""
        self.unread: dict[str, str] = {}
        """Container ID -> why its description can't be read; its state is then what the listing says."""
        self.complaints: tuple[str, ...] = ()
        """What the node said that can't be read, or can't be, for people."""
        self.endings: Mapping[Key, Ending] = {}
        """What the node has recorded of pods that have ended."""

    def forget(self, container_id: str) -> None:
        self.containers.pop(container_id, None)
        self.silent.pop(container_id, None)

    def clear(self) -> None:
        """Look at everything anew; the counts of restarts stay."""
        self.containers.clear()


def list_pods(engine: Engine, fleet_name: str, cache: ObserveCache, cidr: str = "") -> tuple[PodState, ...]:
    """Every pod of the fleet on this node, by namespace and name; what didn't change is the same object.

    `cidr` is the node's slice of the pod network. What can't be is said in `cache.complaints`.
    """
    unread: list[str] = []
    containers = cast("list[dict[str, Any]]", owned.summaries(engine, fleet_name, unread))
    cache.summaries = containers
    read = len(unread)
    volumes = cast("list[dict[str, Any]]", owned.volumes(engine, fleet_name, unread))
    there = frozenset(v["Name"] for v in volumes) if len(unread) == read else None
    cache.cidr, left_out = cidr, list[str]()
    found: dict[PodName, list[dict[str, Any]]] = {(k.namespace, k.name): [] for k in cache.endings}
    for one in (*containers, *volumes):
        tags = one["Labels"]
        if labels.POD not in tags:
            continue
        if why := door.misnamed(tags):
            left_out.append(f"something there says that it is of a pod, and is left out: {why}")
        else:
            found.setdefault((tags[labels.NAMESPACE], tags[labels.POD]), []).append(one)
    _keep_only(cache, {c["Id"] for c in containers}, set(found))
    states = [_pod(engine, fleet_name, name, found[name], there, cache) for name in sorted(found)]
    pods = tuple(_same_object(cache, s) for s in states)
    unread += sorted(cache.unread.values())[: owned.MOST_UNREAD]
    doubtful = (f"pod {'/'.join(name)}: {why}" for name, why in cache.doubts.items())
    cache.complaints = (*unread, *door.said([*left_out, *doubtful]))
    if len(pods) == len(cache.listing) and all(a is b for a, b in zip(pods, cache.listing, strict=True)):
        return cache.listing
    cache.listing = pods
    return pods


def _keep_only(cache: ObserveCache, ids: set[str], names: set[PodName]) -> None:
    for gone in cache.containers.keys() - ids:
        del cache.containers[gone]
    for gone in cache.restarts.keys() - ids:
        del cache.restarts[gone]
    for gone in cache.silent.keys() - ids:
        del cache.silent[gone]
    for gone in cache.unread.keys() - ids:
        del cache.unread[gone]
    for lost in cache.pods.keys() - names:
        del cache.pods[lost]
    cache.doubts.clear()


def _same_object(cache: ObserveCache, state: PodState) -> PodState:
    name = (state.record.namespace, state.record.name)
    old = cache.pods.get(name)
    if old == state:
        return old
    cache.pods[name] = state
    return state


def _pod(
    engine: Engine,
    fleet_name: str,
    name: PodName,
    objects: list[dict[str, Any]],
    there: frozenset[str] | None,
    cache: ObserveCache,
) -> PodState:
    """`there`: every volume of the fleet; None when that isn't known."""
    ending = cache.endings.get(Key("Pod", *name))
    record = ending.record if ending is not None and not objects else _record(engine, objects, cache)
    ending = ended.of_this_pod(record, ending)
    summaries = [o for o in objects if "Id" in o and o["Labels"].get(labels.ROLE) != HELPER_ROLE]
    states = tuple(_containers(engine, fleet_name, record, summaries, cache))
    states = container_state.without_dead_namespaces(ended.remembered(states, ending))
    status = pod_status(record.spec, states)
    running = [c for c in states if c.role in ("main", "sidecar")]
    created = [c.created_at for c in states if c.created_at is not None]
    return PodState(
        record=record,
        containers=states,
        phase=status.phase,
        reason=status.reason,
        message=status.message,
        created_at=min(created, default=0.0),
        ready=all(c.ready for c in running),
        ready_since=max((c.started_at or 0.0 for c in running), default=None)
        if all(c.ready for c in running)
        else None,
        doubt="" if (doubt := cache.doubts.get((record.namespace, record.name), "")) == UNREAD else doubt,
        recorded=tuple(c.name for c in ending.containers) if ending is not None else (),
        lost_volumes=vanished(record, fleet_name, states, there)
        if there is not None and status.phase not in ("Succeeded", "Failed")
        else (),
    )


def _containers(
    engine: Engine, fleet_name: str, record: PodRecord, summaries: list[dict[str, Any]], cache: ObserveCache
) -> Iterable[ContainerState]:
    """In starting order; then those that the pod's spec doesn't know, or that are there twice."""
    left = list(summaries)
    for name, role, spec in roles(record):
        mine = [
            s
            for s in left
            if s["Labels"].get(labels.CONTAINER) == name and s["Labels"].get(labels.ROLE) == role
        ]
        exact = f"/{docker_name(fleet_name, record, name, role)}"
        mine.sort(key=lambda s: exact not in (s.get("Names") or []))
        state = _state(engine, mine[0], spec, cache) if mine else None
        if mine:
            left.remove(mine[0])
        yield state or ContainerState(name=name, role=role, state="absent", image=spec.image if spec else "")
    for extra in left:
        if state := _state(engine, extra, None, cache):
            yield state


def _state(
    engine: Engine, summary: dict[str, Any], spec: Container | None, cache: ObserveCache
) -> ContainerState | None:
    """None: it went away meanwhile."""
    now = monotonic()
    known = cache.containers.get(summary["Id"])
    if known is not None and known[0].still_holds(summary, now):
        return known[1]
    if cache.silent.get(summary["Id"], now) > now:
        return _undescribed(summary, known, "the Engine doesn't answer what is asked about it")
    try:
        found = owned.read_container(engine, summary["Id"], _INSPECT_SECONDS)
    except CallTimeout:
        # One that the Engine can't get hold of: its own trouble, and not the node's.
        cache.silent[summary["Id"]] = monotonic() + _LET_BE
        return _undescribed(summary, known, "the Engine doesn't answer what is asked about it")
    except AnswerUnreadable as error:
        cache.unread[summary["Id"]] = error.message
        return _undescribed(summary, known, error.message)
    except EngineError as error:
        if owned.is_gone(error):
            return None
        raise
    cache.unread.pop(summary["Id"], None)
    state, count = container_state.of(found, spec, cache.restarts.get(summary["Id"]))
    cache.restarts[summary["Id"]] = count
    cache.containers[summary["Id"]] = (container_state.listed(summary, now), state)
    return state


def _undescribed(
    summary: dict[str, Any], known: tuple[container_state.Listed, ContainerState] | None, why: str
) -> ContainerState:
    """One that is listed and can't be described, for a reason of its own: as it was, if it is that yet."""
    if known is not None and known[0].same_state(summary):
        return known[1]
    return container_state.as_listed(cast("Summary", summary), why)


def _record(engine: Engine, objects: list[dict[str, Any]], cache: ObserveCache) -> PodRecord:
    """From the first label that can be read and doesn't contradict those beside it."""
    doubt = ""
    for one in objects:
        record = _decoded(one["Labels"].get(labels.SPEC, ""), engine.node, cache)
        if record is None:
            continue
        found = door.doubt(record, one["Labels"], cache.cidr)
        if not found:
            return record
        doubt = doubt or found
    tags = objects[0]["Labels"]
    cache.doubts[tags[labels.NAMESPACE], tags[labels.POD]] = doubt or UNREAD
    guessed = _guess(engine.node, objects, cache.cidr)
    return msgspec.structs.replace(guessed, ip="") if doubt else guessed


def _decoded(text: str, node: str, cache: ObserveCache) -> PodRecord | None:
    if text in cache.records:
        return cache.records[text]
    record = door.read(text, node)
    if record is not None:
        if len(cache.records) > _MOST_RECORDS:
            cache.records.clear()
        cache.records[text] = record
    return record


def _guess(node: str, objects: list[dict[str, Any]], cidr: str) -> PodRecord:
    """A pod whose spec can't be read (another version's, or damaged) is still one that must be dealt with."""
    tags = objects[0]["Labels"]
    names = sorted({o["Labels"].get(labels.CONTAINER, "") for o in objects} - {""})
    ip, own = door.what_can_be_read(tags.get(labels.SPEC, ""))
    guessed = PodRecord(
        namespace=tags[labels.NAMESPACE],
        name=tags[labels.POD],
        owner=door.owner_of(tags),
        template_hash=tags.get(labels.TEMPLATE_HASH, ""),
        revision=tags.get(labels.REVISION, ""),
        node=node,
        spec=PodSpec(containers=tuple(Container(name=n, image="unknown") for n in names or ["unknown"])),
        ip=ip,
        labels=own,
    )
    return guessed if in_slice(guessed, cidr) else msgspec.structs.replace(guessed, ip="")
