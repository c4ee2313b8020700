"""A fleet in memory, in virtual time: for the laws, for `plan`'s forecast, for scale, for a demo.

It does what the real one does for the same actions, refuses what the real one would refuse (a taken
address, a node without a network), and fails to order. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from reconciler.engine.simulation.simulated_machine import SimulatedMachine
from reconciler.engine.simulation.simulated_pod import Behaviour, SimulatedContainer, SimulatedPod
from reconciler.errors import (
    Conflict,
    ContainerFailed,
    EngineError,
    ImageUnavailable,
    NodeError,
    NodeUnreachable,
)
from reconciler.model.action import (
    AnyAction,
    PodAction,
    PrepareNode,
    Publish,
    RecordEnd,
    RemoveImages,
    RestartContainer,
    StartContainers,
    StartPod,
    StopPod,
)
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.observed import DataPlane, NodeFacts, NodeState, Observed, PodRecord, PodState
from reconciler.model.traffic import Counter

FACTS = NodeFacts(cpu_milli=4000, memory=8 * 2**30, docker_version="simulated", cgroup_version="2")
"""What a simulated machine is unless told otherwise."""
_SERVING = ("running", "outdated", "stale")
"""How a data plane stands that does something."""


class SimulatedFleet:
    """Every node of an inventory. `facts` by node name; `behaviour` may be replaced at any time."""

    def __init__(
        self,
        fleet: Fleet,
        behaviour: Behaviour | None = None,
        *,
        facts: Mapping[str, NodeFacts] | None = None,
    ) -> None:
        self.fleet = fleet
        self.behaviour = behaviour or Behaviour()
        given = facts or {}
        names = sorted(spec.name for spec in fleet.spec.nodes)
        self.machines = {
            n: SimulatedMachine(n, _addressed(given.get(n, FACTS), number))
            for number, n in enumerate(names, 1)
        }
        self.log: list[AnyAction] = []
        """Every effect that was done, in order."""
        self.answered: Callable[[str, float], tuple[Counter, ...]] = lambda node, now: ()
        """What a node's proxy has counted by then. Nobody asks simulated pods anything: it is said here."""
        self._failures: list[tuple[Callable[[AnyAction], bool], NodeError]] = []
        self._observed = Observed()

    @classmethod
    def from_observed(
        cls, fleet: Fleet, observed: Observed, now: float, behaviour: Behaviour | None = None
    ) -> SimulatedFleet:
        """Begin with what a real fleet was seen to hold. What is under way there is taken as done soon."""
        made = cls(fleet, behaviour)
        for name, state in observed.nodes.items():
            machine = made.machines.setdefault(name, SimulatedMachine(name, state.facts))
            machine.facts, machine.pod_cidr = state.facts, state.pod_cidr
            machine.images = state.unused_images
            machine.data_plane = state.data_plane
            machine.told(state.telling or state.traffic)
            machine.pods = {p.key: adopted(p, now, made.behaviour) for p in state.pods}
            machine.seen, machine.reachable, machine.lost_since = state, state.reachable, state.lost_since
            machine.stale = bool(state.reachable)
        for machine in made.machines.values():
            if machine.name not in observed.nodes:
                machine.reachable = None
        made.machines = dict(sorted(made.machines.items()))
        return made

    def observe(self, now: float) -> Observed:
        """What can be seen at `now` (epoch seconds, never less than before). Shares what hasn't changed."""
        for name, machine in self.machines.items():
            state = machine.look(now)
            if self._observed.nodes.get(name) is not state:
                self._observed = self._observed.with_node(state)
        return self._observed

    def next_change(self, now: float) -> float | None:
        """When something will be different by itself (epoch seconds)."""
        changes = [m.next_change for m in self.machines.values() if m.reachable]
        return min((c for c in changes if c is not None and c > now), default=None)

    def perform(self, action: AnyAction, now: float) -> None:
        """Do one action. Raises `errors.NodeError` as the real one would."""
        machine = self._machine(action)
        self._fail(machine, action, now)
        machine.stale = True
        match action:
            case PrepareNode():
                machine.pod_cidr = action.pod_cidr
                if machine.data_plane not in _SERVING:
                    machine.told(machine.traffic)
                machine.data_plane = "running" if self.fleet.spec.network.enabled else ""
                if not machine.data_plane:
                    machine.told(None)
            case Publish():
                self._publish(machine, action)
            case StartPod():
                self._start(machine, action.record, now)
            case StartContainers():
                for container in action.containers:
                    self._container(machine, action, container).start(now, self.behaviour)
            case RestartContainer():
                restarted = self._container(machine, action, action.container)
                restarted.end(now, 137)
                restarted.start(now, self.behaviour)
            case RecordEnd():
                if (ended := machine.pods.get(action.key)) is not None:
                    ended.recorded = tuple(c.name for c in action.ending.containers)
            case RemoveImages():
                machine.remove_images(action.images)
            case StopPod():
                self._stop(machine, action, now)
        self.log.append(action)

    def _fail(self, machine: SimulatedMachine, action: AnyAction, now: float) -> None:
        """If that was ordered (`fail_next`)."""
        for index, (matches, error) in enumerate(self._failures):
            if matches(action):
                del self._failures[index]
                if isinstance(action, Publish) and machine.data_plane in _SERVING:
                    machine.told_in_part(action.traffic, now)
                raise error

    def counters(self, name: str, now: float) -> tuple[Counter, ...]:
        """See `engine.node.Node`."""
        machine = self.machines[name]
        if not machine.reachable:
            raise NodeUnreachable("it doesn't answer", node=name)
        if machine.data_plane not in _SERVING:
            return ()
        return tuple(sorted(self.answered(name, now), key=lambda one: (one.service, one.pod)))

    def fail_next(self, error: NodeError, matches: Callable[[AnyAction], bool] = lambda _: True) -> None:
        """Let the next action that `matches` fail so, without an effect."""
        self._failures.append((matches, error))

    def lose(self, name: str, now: float) -> None:
        """Cut the node off. Its pods go on; nobody sees it."""
        machine = self.machines[name]
        machine.look(now)
        machine.reachable, machine.lost_since, machine.stale = False, now, True

    def heal(self, name: str) -> None:
        machine = self.machines[name]
        machine.reachable, machine.lost_since, machine.stale = True, None, True

    def forget(self) -> None:
        """A new reconciler has come: of nodes that it can't reach it has never seen anything."""
        for machine in self.machines.values():
            if not machine.reachable:
                machine.seen, machine.stale = NodeState(name=machine.name), True
        self._observed = Observed()

    def unask(self, name: str) -> None:
        """The node hasn't been asked yet: `heal` or `lose` ends that."""
        machine = self.machines[name]
        machine.reachable, machine.seen, machine.stale = None, NodeState(name=name), True

    def reboot(self, name: str, now: float) -> None:
        """Every container ends; Docker starts again what its restart policy says."""
        machine = self.machines[name]
        machine.stale = True
        for pod in machine.pods.values():
            for container in pod.containers:
                if container.seen.state == "running":
                    container.end(now, 137)
                    if container.role != "init" and pod.record.spec.restart_policy != "Never":
                        container.start(now, self.behaviour)

    def set_data_plane(self, name: str, to: DataPlane) -> None:
        """The node container is stopped, removed ("", with all that it was told), or an older one."""
        machine = self.machines[name]
        if machine.data_plane:
            machine.data_plane, machine.stale = to, True
            if to in ("", "stopped"):
                machine.told(machine.traffic if to else None)

    def kill_container(self, node: str, pod: Key, container: str, now: float, code: int = 137) -> None:
        """`docker kill`: Docker leaves it dead."""
        machine = self.machines[node]
        found = machine.pods[pod].find(container)
        if found is not None and found.seen.state == "running":
            found.end(now, code)
        machine.stale = True

    def remove_container(self, node: str, pod: Key, container: str) -> None:
        """`docker rm -f`. A pod without any container left is gone. One whose end is recorded looks as
        before.
        """
        machine = self.machines[node]
        found = machine.pods[pod].find(container)
        if found is not None and found.name not in machine.pods[pod].recorded:
            found.vanish()
        if all(c.seen.state == "absent" for c in machine.pods[pod].containers):
            del machine.pods[pod]
        machine.stale = True

    def prune(self, node: str) -> None:
        """`docker container prune`: everything that doesn't run goes."""
        for key, pod in list(self.machines[node].pods.items()):
            for container in pod.containers:
                if container.seen.state in ("created", "exited") and key in self.machines[node].pods:
                    self.remove_container(node, key, container.name)

    def _machine(self, action: AnyAction) -> SimulatedMachine:
        machine = self.machines.get(action.node)
        if machine is None or not machine.reachable:
            raise NodeUnreachable("it doesn't answer", node=action.node)
        return machine

    def _publish(self, machine: SimulatedMachine, action: Publish) -> None:
        if machine.data_plane not in _SERVING:
            raise EngineError("its node container doesn't run", node=machine.name)
        if machine.data_plane == "stale":
            machine.data_plane = "running"
        machine.told(action.traffic)

    def _start(self, machine: SimulatedMachine, record: PodRecord, now: float) -> None:
        pod = machine.pods.get(record.key)
        if pod is not None and pod.gone_at is not None:
            raise Conflict(f"{record.name} is being removed", node=machine.name)
        self._refuse(machine, record)
        if pod is None:
            pod = machine.pods[record.key] = SimulatedPod(record, now)
            pod.busy_until = now + self.behaviour.start_seconds
        pod.complete(now, self.behaviour)

    def _refuse(self, machine: SimulatedMachine, record: PodRecord) -> None:
        node = machine.name
        if record.ip and not machine.pod_cidr:
            raise EngineError("it has no pod network", node=node)
        others = [p.record for k, p in machine.pods.items() if k != record.key]
        if record.ip and any(r.ip == record.ip for r in others):
            raise ContainerFailed(f"address {record.ip} is in use", node=node)
        for container in record.spec.every_container():
            self._pull(machine, container.image)

    def _pull(self, machine: SimulatedMachine, image: str) -> None:
        how, node, arch = self.behaviour, machine.name, machine.facts.architecture
        if image in how.missing:
            raise ImageUnavailable(f"{image}: manifest unknown", node=node)
        if arch not in how.builds.get(image, (arch,)):
            text = f"{image}: no matching manifest for linux/{arch} in the manifest list entries"
            raise ImageUnavailable(text, node=node)

    def _container(self, machine: SimulatedMachine, action: PodAction, name: str) -> SimulatedContainer:
        pod = machine.pods.get(action.key)
        found = pod.find(name) if pod else None
        if found is None or found.seen.state == "absent":
            raise Conflict(f"{action.pod} has no container {name}", node=machine.name)
        return found

    def _stop(self, machine: SimulatedMachine, action: StopPod, now: float) -> None:
        pod = machine.pods.get(action.key)
        if pod is None:
            return
        length = min(self.behaviour.stop_seconds, action.grace)
        if length <= 0:
            del machine.pods[action.key]
        elif pod.gone_at is None:
            pod.gone_at = now + length


def _addressed(facts: NodeFacts, number: int) -> NodeFacts:
    """With an address of its own, of the range for tests (RFC 2544)."""
    if facts.internal_ip:
        return facts
    ip = f"198.18.{number >> 8}.{number & 255}"
    return msgspec.structs.replace(facts, internal_ip=ip, addresses=(*facts.addresses, ip))


def adopted(state: PodState, now: float, how: Behaviour) -> SimulatedPod:
    """A simulated pod in the state of a real one. A program that isn't ready yet is assumed to become so."""
    pod = SimulatedPod(state.record, state.created_at)
    pod.recorded = state.recorded
    seen = {c.name: c for c in state.containers}
    for container in pod.containers:
        if (found := seen.get(container.name)) is not None:
            container.seen = found
            if found.state == "running":
                ready = found.ready or found.role == "sandbox"
                at = state.ready_since if ready and state.ready_since is not None else now
                container.ready_at = at if ready else now + how.ready_seconds
            if found.role == "init" and found.state == "running":
                container.ends_at = now + how.init_seconds
    if state.terminating:
        pod.gone_at = now + how.stop_seconds
    elif state.busy and not state.containers:
        pod.busy_until = now + how.start_seconds
        pod.complete(now, how)
    pod.ready_since = state.ready_since
    return pod
