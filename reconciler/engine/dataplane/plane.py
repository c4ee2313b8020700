"""One node's data plane as the reconciler has it: how it stands, what it was told, and telling it more."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.dataplane import install
from reconciler.engine.dataplane.container import VERSION_LABEL, version
from reconciler.engine.dataplane.counting import Tally
from reconciler.engine.dataplane.session import Session
from reconciler.engine.dataplane.standing import Standing
from reconciler.engine.rendering.changes import Change, change
from reconciler.engine.rendering.files import files
from reconciler.engine.rendering.form import form
from reconciler.engine.rendering.lines import renderable
from reconciler.errors import EngineError, NodeError, ReconcilerError
from reconciler.model.base import typed
from reconciler.model.config import Secret
from reconciler.model.desired import Contents
from reconciler.model.fleet import NetworkSpec
from reconciler.model.meta import Key
from reconciler.model.observed import DataPlane
from reconciler.model.traffic import Counter, NodeTraffic, Overlay

_MOST_UNCERTAIN = 8
UNREAD = "what its node container says that it was told can't be read, or isn't this node's: it is told anew"


class Plane:
    """Thread-safe. `fleet` is its name, `clock` gives seconds since the epoch."""

    def __init__(self, fleet: str, clock: Callable[[], float] = time.time) -> None:
        self._fleet, self._clock = fleet, clock
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._traffic: NodeTraffic | None = None
        self._files: dict[str, bytes] = {}
        """What the node is known to have, so that only what differs travels."""
        self._rendering = ""
        """Which form of files it has; empty when it isn't sure to have all of them."""
        self._container = ""
        self._touched: set[str] = set()
        self._steered: NodeTraffic | None = None
        """What the running HAProxy is known to do, also where the node couldn't keep it."""
        self._uncertain: tuple[NodeTraffic, ...] = ()
        self._untold_since: float | None = None
        self._complaints: tuple[str, ...] = ()
        self._current = False
        """The container that runs is of our version, and no other stands in its place, too."""
        self._leftovers = False
        self._counting, self._tally = threading.Lock(), Tally()
        self.standing = Standing()

    def look(
        self, engine: Engine, listing: list[dict[str, Any]], touched: Collection[str] = (), *, full: bool
    ) -> None:
        """Take in how the container stands; ask it what it was told where that isn't known, or `full`.

        `touched` are IDs of containers that something has just happened to.
        """
        self._touched.update(touched)
        if not self._lock.acquire(blocking=False):
            return  # it is being made, or told something, which may take long: what comes of it is seen then
        try:
            touched, self._touched = self._touched, set()
            self._look(engine, listing, touched, full=full)
        finally:
            self._lock.release()

    def _look(
        self, engine: Engine, listing: list[dict[str, Any]], touched: Collection[str], *, full: bool
    ) -> None:
        """You hold the lock."""
        found = install.present(self._fleet, listing)
        self._leftovers = bool(install.retired(self._fleet, listing))
        fresh = found is not None and found["Id"] in touched
        if fresh or found is None or found["Id"] != self._container:
            # The session of one that was restarted has ended, too, and it does what it has kept.
            self._forget()
            self._container = "" if found is None else found["Id"]
            self._surely(None)
        # The Engine tells of an end before its listing has it.
        if found is None or not (install.runs(engine, found) if fresh else found["State"] == "running"):
            self._forget()
            self.standing = Standing(data_plane="stopped" if found else "")
            return
        if self._session is None or not self._session.usable or self._session.container != found["Id"]:
            self._forget()
            self._session = Session(engine, found["Id"])
            full = True
        if full:
            try:
                self._read(self._session, engine.node)
            except ReconcilerError:
                self._untold_since = self._untold_since or self._clock()
        ours = (found.get("Labels") or {}).get(VERSION_LABEL) == version()
        self._current = ours and not install.unfinished(self._fleet, listing)
        self._stand()

    def install(self, engine: Engine, base: NodeTraffic) -> None:
        """A node container of our version runs. `base` is what a first one does."""
        with self._lock:
            self._forget()
            install.install(engine, self._fleet, files(base, {}) | {"rendering": form().encode()})

    def publish(self, engine: Engine, traffic: NodeTraffic, contents: Contents) -> None:
        """Returns when the node does it. Raises `NodeError`; what it was told isn't known then."""
        with self._lock:
            if self.standing.data_plane in ("", "stopped"):
                raise EngineError("its node container doesn't run", node=traffic.node)
            session, began = self._session, self._clock()
            whole, left_out = renderable(traffic)
            try:
                if session is None or not session.usable:
                    raise EngineError("its node container says nothing", node=traffic.node)
                fresh = self._tell(session, whole, contents)
            except NodeError:
                self._told_in_part(traffic, began)
                raise
            self._traffic, self._files, self._rendering = traffic, fresh, form()
            self._surely(traffic)
            self._complaints = (*session.complaints(), *left_out)
            if self._leftovers:
                install.remove_retired(engine, self._fleet)
            self._stand()

    def sessions(self, ip: str, seconds: float) -> int:
        """Connections that the node's proxy holds to the pod at `ip`; 0 where there is no proxy."""
        session = self._session
        return session.sessions(ip, seconds) if session is not None and session.usable else 0

    def counters(self) -> tuple[Counter, ...]:
        """What the node's proxy has counted; nothing where there is none, or one of an older version."""
        session = self._session
        if session is None or not session.usable:
            return ()
        with self._counting:
            try:
                return self._tally.take(session.counters())
            except EngineError:
                if self._current:
                    raise
                return ()

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _tell(self, session: Session, traffic: NodeTraffic, contents: Contents) -> dict[str, bytes]:
        """Returns the files that it now has. Who gets requests comes first: for that the disk may be full."""
        fresh = files(traffic, certificates(traffic, contents)) | {"rendering": form().encode()}
        before, self._steered = self._steered, None
        wanted = change(before, traffic)
        self._send(session, fresh, wanted)
        if before is not None and self._current:  # one of an older version doesn't know how
            with contextlib.suppress(EngineError):
                session.steer()
                if not wanted.reload:
                    self._steered, self._uncertain, self._untold_since = traffic, (traffic,), None
        session.commit(reload=wanted.reload or self._rendering != form())
        return fresh

    def _send(self, session: Session, fresh: Mapping[str, bytes], wanted: Change) -> None:
        """What differs from what the node has, and always the two by which it tells that it has all of it."""
        changed = {path: content for path, content in fresh.items() if self._files.get(path) != content}
        changed |= {path: fresh[path] for path in ("state.json", "rendering")}
        for path, lines in (("commands", wanted.commands), ("forget", wanted.forget)):
            if lines:
                changed[path] = "".join(f"{line}\n" for line in lines).encode()
        session.hand_over(changed, [p for p in self._files if p not in fresh])

    def _told_in_part(self, traffic: NodeTraffic, began: float) -> None:
        """Steered, it does `traffic` and didn't keep it. Else it may do that, or still anything of before."""
        if self._steered is not traffic:
            before = self._uncertain or ((self._traffic,) if self._traffic is not None else ())
            self._uncertain = (*(t for t in before if t != traffic), traffic)[-_MOST_UNCERTAIN:]
            self._untold_since = began if self._untold_since is None else self._untold_since
        self._rendering, self._files = "", {}
        self._stand()

    def _surely(self, traffic: NodeTraffic | None) -> None:
        """It has all of this, and does it."""
        self._steered, self._uncertain, self._untold_since = traffic, (), None

    def _read(self, session: Session, node: str) -> None:
        """What the container says it was told. One of another form, or none, is nothing that is known."""
        self._rendering, said, self._complaints = session.state()
        found = told(said, node)
        if said.strip() and found is None:
            self._complaints = (*self._complaints, UNREAD)
        if found != self._traffic:
            self._traffic, self._files = found, {}
        if found is not None and self._rendering == form():
            self._surely(found)

    def _stand(self) -> None:
        """While it runs."""
        whole = self._traffic is None or self._rendering == form()
        data_plane: DataPlane = "running" if whole else "stale"
        if not self._current:
            data_plane = "outdated"
        fresh = Standing(
            data_plane=data_plane,
            traffic=self._traffic,
            uncertain=self._uncertain,
            untold_since=self._untold_since,
            complaints=self._complaints,
        )
        if fresh != self.standing:
            self.standing = fresh

    def _forget(self) -> None:
        """Nothing is known but what it may be doing."""
        if self._session is not None:
            self._session.close()
        if self._traffic is not None and not self._uncertain:
            self._uncertain = (self._traffic,)
        self._session, self._traffic, self._files, self._complaints = None, None, {}, ()


def told(said: bytes, node: str) -> NodeTraffic | None:
    """What a node says that it was told; None when that isn't of its form: others are told of it."""
    try:
        found = msgspec.json.decode(said, type=typed(NodeTraffic))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if found.node == node else None


def certificates(traffic: NodeTraffic, contents: Contents) -> dict[str, bytes]:
    """`namespace/secret` -> its chain and key in PEM, for HAProxy. A Secret that is gone gives none."""
    found: dict[str, bytes] = {}
    for wanted in traffic.ingress.certificates if traffic.ingress else ():
        secret = contents.get(Key("Secret", wanted.namespace, wanted.secret))
        if isinstance(secret, Secret):
            data = secret.contents()
            pem = [data.get(part, b"").rstrip() for part in ("tls.crt", "tls.key")]
            found[f"{wanted.namespace}/{wanted.secret}"] = b"\n".join([*pem, b""])
    return found


def base(node: str, spec: NetworkSpec, pod_cidr: str) -> NodeTraffic:
    """A node that knows of nobody else yet: its own pods, and names of the outside."""
    return NodeTraffic(
        node=node,
        pod_range=spec.pod_cidr,
        pod_cidr=pod_cidr,
        service_range=spec.service_cidr,
        dns=spec.dns,
        domain=spec.cluster_domain,
        overlay=Overlay(address="", vxlan_id=spec.vxlan_id, vxlan_port=spec.vxlan_port, mtu=spec.mtu),
    )
