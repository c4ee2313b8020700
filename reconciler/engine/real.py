"""A real node: its connection, what was last seen of it, and the effects on it, behind one interface."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from time import monotonic

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.contact import Contact
from reconciler.engine.connection.facts import read_disk, read_facts, read_links, steady
from reconciler.engine.connection.link import Stream
from reconciler.engine.dataplane import install
from reconciler.engine.dataplane.plane import Plane, base
from reconciler.engine.dataplane.standing import Standing
from reconciler.engine.observing import door
from reconciler.engine.observing.observe import ObserveCache, list_pods
from reconciler.engine.observing.seen import Seen
from reconciler.engine.observing.watch import Watch
from reconciler.engine.pods import network, records
from reconciler.engine.pods.pulled import PulledImages
from reconciler.engine.probes.prober import Prober
from reconciler.errors import NodeError, NodeUnreachable, NotUnderstood, ReconcilerError
from reconciler.model.action import (
    PrepareNode,
    Publish,
    RecordEnd,
    RemoveImages,
    RestartContainer,
    StartContainers,
    StartPod,
    StopPod,
)
from reconciler.model.desired import Contents
from reconciler.model.fleet import Fleet, NodeSpec, percent_used
from reconciler.model.meta import Key
from reconciler.model.observed import Ending, NodeFacts, NodeState
from reconciler.model.traffic import Counter
from reconciler.supervision import reason

LOG = logging.getLogger(__name__)
MOST_STALE = 10_000
"""Containers that are looked at anew one by one; where more happened, all are."""


class RealNode:
    """See `node.Node`. Without `start` it watches nothing: `refresh` connects and asks."""

    def __init__(
        self,
        spec: NodeSpec,
        fleet: Fleet,
        *,
        clock: Callable[[], float] = time.time,
        lost: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`lost` says how many seconds we didn't run, in all."""
        self.name = spec.name
        self._fleet, self._clock, self._label = fleet, clock, fleet.metadata.name
        self._contact = Contact(spec)
        self._cache = ObserveCache()
        self._listing = threading.Lock()
        self._listed_at = -1.0
        self._staling, self._stale = threading.Lock(), set[str]()
        self._facts, self._pod_cidr = NodeFacts(), ""
        self._troubles: dict[str, str] = {}
        """What can't be understood of it: its events, a probe's answer, its slice."""
        self._pulled = PulledImages(self._label, clock)
        self._told_by: Engine | None = None
        self._changed: Callable[[], None] = lambda: None
        self._prober = Prober(
            self._contact.engine, clock, self._judged, spec.name, self._said_of_probes, lost=lost
        )
        self._plane = Plane(self._label, clock) if fleet.spec.network.enabled else None
        self._seen = Seen(spec.name, self._prober.apply, self._tell, clock)
        self._watch = Watch(spec.name, self._label, self)
        self._watching = False

    # What it knows

    def start(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._watching = True
        self._watch.start()

    def state(self) -> NodeState:
        return self._seen.state

    def refresh(self) -> NodeState:
        try:
            self.reach()
            self.relist(full=True)
        except ReconcilerError as error:
            self.lost(error)
        except Exception as error:
            LOG.exception("node %s", self.name)
            self.lost(NotUnderstood(reason(error), node=self.name))
        return self._seen.state

    def close(self) -> None:
        self._watch.stop()
        self._prober.close()
        self._contact.close()  # first: who waits for the node's word, up to a minute, has the plane's lock
        if self._plane is not None:
            self._plane.close()

    # What can be done to it. How is imported when it is first done: most runs do nothing.

    def prepare(self, action: PrepareNode) -> None:
        self._do(lambda engine: self._prepare(engine, action), full=True)

    def _prepare(self, engine: Engine, action: PrepareNode) -> None:
        network.prepare(engine, self._fleet, action, self._facts.link_mtu)
        if self._plane is None:
            install.remove(engine, self._label)
        else:
            self._plane.install(engine, base(self.name, self._fleet.spec.network, action.pod_cidr))

    def publish(self, action: Publish, contents: Contents) -> None:
        plane = self._plane
        assert plane is not None, "decide publishes nothing where the network is switched off"
        engine = self._usable()
        try:
            plane.publish(engine, action.traffic, contents)
        except NodeError:
            with contextlib.suppress(ReconcilerError):
                self.relist(full=False)
            raise
        finally:
            self._seen.told(plane.standing)

    def sessions(self, ip: str, seconds: float) -> int:
        return self._plane.sessions(ip, seconds) if self._plane is not None else 0

    def counters(self) -> tuple[Counter, ...]:
        return self._plane.counters() if self._plane is not None else ()

    def dial(self, host: str, port: int, seconds: float) -> Stream:
        return self._usable().dial(host, port, seconds)

    def start_pod(self, action: StartPod, contents: Contents) -> None:
        from reconciler.engine.pods import start

        facts = self._facts if self._told_by is not None else None
        if self._fleet.spec.images.use_operator_login:
            from reconciler.engine.pods.operator_login import with_operator_login

            contents = with_operator_login(contents, action.record)
        network = self._fleet.spec.network
        ending = self._cache.endings.get(action.key)
        ended = {c.name for c in ending.containers} if ending is not None else ()
        logs = self._fleet.spec.logs

        def _start(engine: Engine) -> None:
            missing = self._pulled.missing(engine, action.record)
            try:
                start.start_pod(engine, self._label, action, contents, facts, network, ended, logs)
            finally:
                with contextlib.suppress(NodeError):  # unrecorded, it is never removed
                    self._pulled.came(engine, action.record, missing, self._cache.summaries)

        self._do(_start)

    def start_containers(self, action: StartContainers) -> None:
        from reconciler.engine.pods import start

        self._do(lambda engine: start.start_containers(engine, self._label, action))

    def restart_container(self, action: RestartContainer) -> None:
        from reconciler.engine.pods import start

        self._do(lambda engine: start.restart_container(engine, self._label, action))

    def stop_pod(self, action: StopPod) -> None:
        from reconciler.engine.pods import stop

        def _stop(engine: Engine) -> None:
            stop.stop_pod(engine, self._label, action)
            if (ending := self._cache.endings.get(action.key)) is not None:
                records.remove(engine, self._label, ending)
                self._remember(action.key, None)

        self._do(_stop)

    def remove_images(self, action: RemoveImages) -> None:
        def _remove(engine: Engine) -> None:
            self._pulled.remove(engine, action.images)
            self._facts = msgspec.structs.replace(self._facts, disk_free=None)  # no noise: ask at once
            self.measure()

        self._do(_remove)

    def record_end(self, action: RecordEnd) -> None:
        def _record(engine: Engine) -> None:
            records.write(engine, self._label, action.ending)
            self._remember(action.key, action.ending)

        self._do(_record)

    def _remember(self, pod: Key, ending: Ending | None) -> None:
        with self._listing:
            others = {k: e for k, e in self._cache.endings.items() if k != pod}
            self._cache.endings = others | ({pod: ending} if ending is not None else {})

    def _do(self, effect: Callable[[Engine], None], *, full: bool = False) -> None:
        """An effect, and a look at what came of it, whichever way it ended."""
        engine = self._usable()
        try:
            effect(engine)
        except NodeUnreachable:
            self._watch.wake()
            raise
        except NodeError:
            with contextlib.suppress(ReconcilerError):
                self.relist(full=True)  # what was thought of the node may be wrong: its network was pruned
            raise
        self.relist(full=full)

    def _usable(self) -> Engine:
        """While watching, a lost node fails at once: the watch is the one to reconnect."""
        state = self._seen.state
        if self._watching and state.reachable is False and self._contact.current() is None:
            raise NodeUnreachable(state.message, node=self.name)
        return self._contact.engine()

    # What the watch drives

    def reach(self) -> Engine:
        return self._contact.engine()

    def drop(self, engine: Engine) -> None:
        self._contact.drop(engine)

    def stale(self, container_id: str) -> None:
        with self._staling:
            if len(self._stale) < MOST_STALE:
                self._stale.add(container_id)

    def said(self, complaint: str) -> None:
        self._troubles["events"] = complaint

    def _said_of_probes(self, complaint: str) -> None:
        self._troubles["probes"] = complaint

    def lost(self, error: ReconcilerError) -> None:
        self._seen.lost(error)

    def relist(self, *, full: bool) -> None:
        """Takes in every pod. A listing that began after this was called serves this caller, too."""
        asked = monotonic()
        with self._listing:
            if self._listed_at >= asked and not full:
                return
            engine = self._contact.engine()
            self._listed_at = monotonic()
            touched = self._touched()
            full = full or len(touched) >= MOST_STALE
            for one in touched:
                self._cache.forget(one)
            if full or engine is not self._told_by:
                self._cache.clear()
                self._ask_itself(engine)
            pods = list_pods(engine, self._label, self._cache, self._pod_cidr)
            self._prober.update(pods)
            if self._plane is None:
                left = Standing(data_plane="stopped" if install.containers(self._cache.summaries) else "")
            else:
                self._plane.look(engine, self._cache.summaries, touched, full=full)
                left = self._plane.standing
            complaints = (*self._cache.complaints, *filter(None, self._troubles.values()))
            self._seen.listed(pods, self._facts, self._pod_cidr, left, complaints)

    def _touched(self) -> set[str]:
        """What something happened to since this was asked last."""
        with self._staling:
            touched, self._stale = self._stale, set()
        return touched

    def _ask_itself(self, engine: Engine) -> None:
        fresh = read_facts(engine, self._clock)
        before = self._facts
        fresh = msgspec.structs.replace(fresh, disk_free=before.disk_free, disk_size=before.disk_size)
        if self._plane is not None:
            links = read_links(engine)
            fresh = msgspec.structs.replace(
                fresh, internal_ip=links.internal_ip, addresses=links.addresses, link_mtu=links.mtu
            )
        found = records.read(engine, self._label, shell_only=engine is self._told_by)
        if found is not None:
            self._cache.endings = found.endings
            self._pulled.read(found.images)
            self._troubles["records"] = "; ".join(found.complaints)
        self._facts = steady(self._facts, fresh)
        told = network.read_pod_cidr(engine, self._label)
        self._pod_cidr, self._troubles["slice"] = door.slice_of(told, self._fleet.spec.network)
        self._told_by = engine

    def measure(self) -> None:
        with contextlib.suppress(ReconcilerError):
            engine = self._contact.engine()
            free, size = read_disk(engine) or (None, None)
            full = free is not None and percent_used(free, size or 0)
            often = self._fleet.spec.images.gc_high_threshold_percent
            unused = self._pulled.unused(engine) if full and full >= often else ()
            with self._listing:
                fresh = msgspec.structs.replace(self._facts, disk_free=free, disk_size=size)
                self._facts = steady(self._facts, fresh)
                self._seen.described(self._facts, unused)

    def _judged(self) -> None:
        self._seen.judged()

    def _tell(self) -> None:
        self._changed()
