"""The one place where concrete things are built and handed to each other."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.bounded import read_file
from reconciler.engine.node import Node
from reconciler.errors import InventoryError
from reconciler.model.capacity import Capacity, capacity_of
from reconciler.model.duration import seconds
from reconciler.model.fleet import Fleet, NodeSpec
from reconciler.model.observed import Observed

if TYPE_CHECKING:
    from reconciler.api.daemon import Verify
    from reconciler.certificates import Certifier
    from reconciler.engine.simulation.simulated_node import RealTime
    from reconciler.loop.cycle import Loop
    from reconciler.loop.reverts import Reverts
    from reconciler.loop.steady import SteadyClock
    from reconciler.loop.turn import Turn
    from reconciler.measuring import Analyst
    from reconciler.model.desired import Desired
    from reconciler.model.progress import Progress
    from reconciler.record.lock import FleetLock
    from reconciler.record.store import Store
    from reconciler.source import Source

GRACE_S = 15.0
"""How long effects that have begun may take to end when the reconciler is told to stop."""

PROBED_S = 1.0
"""How long a single look at the fleet waits for readiness probes to succeed."""


def state_dir(fleet: Fleet) -> Path:
    """Where this machine keeps what it knows of the fleet: history, progress, caches, the lock."""
    given = os.environ.get("RECONCILER_STATE_DIR")
    base = Path(given) if given else _xdg("XDG_STATE_HOME", ".local/state") / "reconciler"
    return base / fleet.metadata.name


def cache_dir(fleet: Fleet) -> Path:
    """Repositories that can be fetched again at any time."""
    given = os.environ.get("RECONCILER_STATE_DIR")
    base = Path(given) if given else _xdg("XDG_CACHE_HOME", ".cache") / "reconciler"
    return base / fleet.metadata.name / "source"


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def build_nodes(fleet: Fleet, clock: SteadyClock | None = None) -> dict[str, Node]:
    """A node for each of the inventory's, not connected yet. `sim://` addresses share one simulation. `clock`
    is the loop's; without one nothing is judged by any time.
    """
    nodes: dict[str, Node] = {}
    simulation: RealTime | None = None
    for spec in fleet.spec.nodes:
        if spec.address.startswith("sim://"):
            simulation = simulation or _simulation(fleet, clock)
            nodes[spec.name] = simulation.node(spec.name)
        else:
            nodes[spec.name] = _real(spec, fleet, clock)
    return nodes


def _loop_time(store: Store) -> tuple[SteadyClock, Callable[[Turn], None]]:
    """The loop's time, which goes on where it stood if something waited for it, and who keeps it."""
    from reconciler.loop.steady import SteadyClock
    from reconciler.record.progress import TimeStore

    times = TimeStore(store)

    def keep(turn: Turn) -> None:
        times.keep(turn.now if turn.waits else None, ordered=bool(turn.orders))

    return SteadyClock(times.load()), keep


def seen_capacity(nodes: Mapping[str, Node]) -> dict[str, Capacity]:
    """What the nodes that have been reached can hold, as last seen. Doesn't block."""
    return capacity_of({name: node.state().facts for name, node in nodes.items()})


def _simulation(fleet: Fleet, clock: SteadyClock | None) -> RealTime:
    from reconciler.engine.simulation.simulated import SimulatedFleet
    from reconciler.engine.simulation.simulated_node import LIVELY, RealTime

    return RealTime(SimulatedFleet(fleet, LIVELY), clock.now if clock is not None else time.time)


def _real(spec: NodeSpec, fleet: Fleet, clock: SteadyClock | None) -> Node:
    from reconciler.engine.real import RealNode

    return RealNode(spec, fleet) if clock is None else RealNode(spec, fleet, clock=clock.now, lost=clock.lost)


def lock(fleet: Fleet) -> FleetLock:
    """The fleet's lock on this machine, wherever its state is kept."""
    from reconciler.record.lock import FleetLock

    return FleetLock(fleet.metadata.name, lock_dir())


def lock_dir() -> Path:
    from reconciler.record import lock as locks

    return locks.lock_dir()


def certifier(fleet: Fleet, wake: Callable[[], None], *, obtain: bool) -> Certifier:
    """The certificates that we hold for the fleet's Ingresses; with `obtain` those that are missing, too."""
    from reconciler.certificates import Certifier

    return Certifier(fleet.spec.network.ingress.acme, state_dir(fleet) / "certificates", wake, obtain=obtain)


def analyst(nodes: Mapping[str, Node], wake: Callable[[], None], clock: SteadyClock) -> Analyst:
    """Measures what analyses ask for: directly, or through a node what is inside of the fleet."""
    from reconciler.measuring import Analyst, counts, through

    def encrypt(stream: Any, context: Any, host: str) -> Any:
        from reconciler.engine.probes.tls import TlsStream

        return TlsStream(stream, context, host)

    return Analyst(wake, counts(nodes), dial=through(nodes), encrypt=encrypt, clock=clock.now)


def reverts(fleet: Fleet, source: Source, wake: Callable[[], None]) -> Reverts:
    """What takes failed versions back where `source` reads; it looks there at once after a push."""
    from reconciler.loop.reverts import Reverts
    from reconciler.source.open import open_reverter

    return Reverts(fleet, open_reverter(fleet, cache_dir(fleet), source.wake), wake)


def open_store(fleet: Fleet) -> Store:
    """Progress, events and history of this fleet. Raises `ReconcilerError` where a file is in the way."""
    from reconciler.record.places import refuse_a_file
    from reconciler.record.store import Store

    refuse_a_file(state_dir(fleet))
    _keep_private(state_dir(fleet))
    return Store(state_dir(fleet) / "state.db")


def pick_source(fleet: Fleet, argument: str | None, branch: str | None) -> Source:
    """The source named on the command line, else the one that nodes.yaml names."""
    from reconciler.source.open import open_path, open_source

    _keep_private(cache_dir(fleet))
    if argument is not None:
        return open_path(argument, cache_dir(fleet), branch=branch)
    return open_source(fleet, cache_dir(fleet))


def _keep_private(folder: Path) -> None:
    """Copies of the source hold its Secrets, and beside the history lie private keys."""
    from reconciler.private import keep_private

    if mode := keep_private(folder):
        logging.getLogger(__name__).warning("others could read %s (%s); now they can't", folder, mode)


@contextmanager
def one_shot(fleet: Fleet, source: Source) -> Iterator[Loop]:
    """A loop for one revision: under the fleet's lock, fetched already, its nodes being watched."""
    from reconciler.loop.cycle import Loop
    from reconciler.loop.wanted import Wanted
    from reconciler.record.progress import ProgressStore

    with lock(fleet):
        store = open_store(fleet)
        clock, keep_time = _loop_time(store)
        nodes = build_nodes(fleet, clock)
        wanted = Wanted(fleet, source, lambda: seen_capacity(nodes))
        loop = Loop(wanted, nodes, ProgressStore(store), [keep_time], clock=clock)
        loop.certify(certifier(fleet, loop.wake, obtain=False))
        loop.judge(analyst(nodes, loop.wake, clock))
        try:
            loop.watch_nodes()  # before the manifests are read: nodes take their time to answer
            wanted.fetch()
            yield loop
        finally:
            loop.close(GRACE_S)
            store.close()


@contextmanager
def serving(fleet: Fleet, listen: str | None) -> Iterator[Loop]:
    """The daemon's loop: under the fleet's lock, watching nodes and source, its doors open."""
    from reconciler.api.reporter import SILENCE_S, Reporter
    from reconciler.api.server import ApiServer
    from reconciler.loop.cycle import Loop
    from reconciler.loop.wanted import Wanted
    from reconciler.record.journal import Journal
    from reconciler.record.places import other_socket
    from reconciler.record.progress import ProgressStore

    with lock(fleet) as held:
        store, source = open_store(fleet), pick_source(fleet, None, None)
        full_pass = seconds(fleet.spec.full_pass_interval)
        clock, keep_time = _loop_time(store)
        nodes = build_nodes(fleet, clock)
        wanted = Wanted(fleet, source, lambda: seen_capacity(nodes))
        loop = Loop(wanted, nodes, ProgressStore(store), [keep_time], clock=clock, full_pass=full_pass)
        loop.certify(certifier(fleet, loop.wake, obtain=True))
        loop.judge(analyst(nodes, loop.wake, clock))
        if fleet.spec.on_abort == "revert":
            loop.revert(reverts(fleet, source, loop.wake))
        journal, silence = Journal(store, fleet.metadata.name), max(SILENCE_S, 3 * full_pass)
        reporter = Reporter(fleet.metadata.name, journal, source.wake, silence, loop.order)
        loop.listen(reporter.take)
        door = socket_path(fleet)
        spare, verify = other_socket(fleet.metadata.name), webhook(fleet)
        address = listen or fleet.spec.serve.listen
        server = ApiServer(address, door, reporter, spare_socket=spare, verify=verify)
        try:
            loop.watch_source()  # makes a hosted repository: who sees the door may push
            loop.watch_nodes()
            server.start()
            held.serves(listen=server.address or "", unix_socket=server.unix_socket)
            loop.listen(lambda _: held.keep())
            yield loop
        finally:
            loop.close(GRACE_S)
            server.stop()
            store.close()


def socket_path(fleet: Fleet) -> Path:
    """Where the daemon can be asked: beside a hosted repository, whose hooks look for it there."""
    hosted = fleet.spec.source.hosted
    return (Path(hosted.path) if hosted else state_dir(fleet)) / "reconciler.sock"


def webhook(fleet: Fleet) -> Verify | None:
    """How webhooks are checked, None when nodes.yaml names no secret for them."""
    if fleet.spec.serve.webhook is None:
        return None
    from reconciler.private import shown_to_others
    from reconciler.source.webhook import verify

    path = Path(fleet.spec.serve.webhook.secret_file)
    try:
        if mode := shown_to_others(path):
            raise InventoryError(
                f"others may read it ({mode}), and call the webhook with it",
                where=str(path),
                remedy=f"chmod 600 {path}; if they have, set another secret here and at the forge",
            )
        secret = read_file(path).strip()
    except OSError as error:
        remedy = "spec.serve.webhook.secretFile names a file that this user can read"
        raise InventoryError(f"it can't be read: {error.strerror}", where=str(path), remedy=remedy) from error
    return lambda headers, body: verify(headers, body, secret)


def survey(
    fleet: Fleet, source: Source, look: Callable[[], Observed] | None = None
) -> tuple[Desired, Observed, Progress]:
    """What the newest revision wants, what there is, and where rollouts stand, without touching or locking
    anything. `look` is asked when it is known that something can be wanted; without it nothing is seen.
    """
    from reconciler.loop.wanted import Wanted
    from reconciler.record.progress import ProgressStore

    store = open_store(fleet)
    wanted = Wanted(fleet, source)
    try:
        wanted.fetch()
        progress = ProgressStore(store).load()
        observed = look() if look is not None else Observed()
        desired = wanted.update(progress, observed)
    finally:
        wanted.close()
        store.close()
    assert desired is not None, "fetch raises when there is no good revision"
    return certifier(fleet, lambda: None, obtain=False).complete(desired), observed, progress


def observe_once(fleet: Fleet) -> Observed:
    """Every node's state, asked now; nodes that can't be reached are seen as such.

    Pods with readiness probes get `PROBED_S` for their first success.
    """
    from reconciler.loop.fleet import FleetView

    view = FleetView(build_nodes(fleet))
    try:
        observed = view.refresh()
        until = time.monotonic() + PROBED_S
        while _unprobed(observed) and time.monotonic() < until:
            time.sleep(0.01)
            observed = view.observe()
        return observed
    finally:
        view.close()


def _unprobed(observed: Observed) -> bool:
    return any(p.phase == "Running" and not p.ready for p in observed.pods() if not p.terminating)
