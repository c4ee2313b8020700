"""A reconciler in miniature on the simulated fleet: decides, keeps progress, acts, can be killed anywhere."""

from __future__ import annotations

from collections.abc import Container

import msgspec

from reconciler.decide import decide
from reconciler.decide.attempts import after_failure, after_success
from reconciler.decide.delivery.handover import takers
from reconciler.decide.network.gate import UNTOLD_S
from reconciler.decide.rollout.budget import budget_of
from reconciler.decide.survey import survey
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.errors import NodeError
from reconciler.model.action import Publish, StartPod, StopPod
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan, Settled
from reconciler.model.progress import Progress, fallback
from reconciler.model.traffic import Endpoint, NodeTraffic
from reconciler.model.workload import Deployment

START = 1_000_000.0


class World:
    """`desired` may be replaced at any time; earlier ones are kept, as a repository keeps its commits.

    `skew`: by how much the reconciler's clock has been set wrong (seconds). While it is stalled its own time
    stands still (`loop.steady`); the machines' goes on.
    """

    def __init__(self, desired: Desired, behaviour: Behaviour | None = None) -> None:
        self.fleet = SimulatedFleet(desired.fleet, behaviour)
        self.now = START
        self.skew = 0.0
        self._stalls: list[tuple[float, float]] = []
        self._seen: dict[str, tuple[NodeState, float, NodeState]] = {}
        self.progress = Progress()
        self.settled: Settled | None = None
        self.commits = [desired]
        self.plan = Plan(revision="")
        self.check_memo = True

    @property
    def desired(self) -> Desired:
        """The newest commit, with the stable versions of workloads that failed (as the loop adds them)."""
        newest = self.commits[-1]
        stable = {}
        for key, state in self.progress.rollouts.items():
            version, _ = fallback(state, newest.hashes.get(key, ""))
            if version and (old := self._version(key, version)) is not None:
                stable[key] = old
        return msgspec.structs.replace(newest, stable=stable)

    def _version(self, key: Key, template_hash: str) -> StableVersion | None:
        for commit in self.commits:
            if commit.hashes.get(key) == template_hash:
                return StableVersion(
                    workload=commit.workloads[key],
                    template_hash=template_hash,
                    revision=commit.revision,
                    contents=commit.contents,
                )
        return None

    @property
    def clock(self) -> float:
        return self.counted(self.now) + self.skew

    @property
    def ahead(self) -> float:
        """By how much people's clocks are ahead of the reconciler's own."""
        return sum(length for _, length in self._stalls)

    def counted(self, at: float) -> float:
        """A moment of the machines' time by the reconciler's own."""
        return at - sum(min(length, max(0.0, at - began)) for began, length in self._stalls)

    def stall(self, seconds: float) -> None:
        """A suspended laptop, a stopped process: nobody looks, and the machines go on."""
        self._stalls.append((self.now, seconds))
        self.now += seconds

    def later(self, moment: float) -> float:
        """When the reconciler's own time is so late, by the machines'."""
        return moment - self.clock + self.now

    def commit(self, desired: Desired) -> None:
        self.commits.append(desired)

    def observe(self) -> Observed:
        """Its own times are by its own clock, as those of nodes are by theirs."""
        seen = self.fleet.observe(self.now)
        if self._stalls:
            seen = Observed(self._by_our_clock(node) for node in seen.nodes.values())
        return seen

    def _by_our_clock(self, node: NodeState) -> NodeState:
        lag = self.ahead
        known = self._seen.get(node.name)
        if known is None or known[0] is not node or known[1] != lag:
            own = {
                name: self.counted(at)
                for name in ("lost_since", "untold_since")
                if (at := getattr(node, name)) is not None
            }
            facts = msgspec.structs.replace(node.facts, clock_skew=node.facts.clock_skew + lag)
            pods = tuple(
                pod
                if pod.ready_since is None
                else msgspec.structs.replace(pod, ready_since=self.counted(pod.ready_since))
                for pod in node.pods
            )
            known = node, lag, msgspec.structs.replace(node, facts=facts, pods=pods, **own)
            self._seen[node.name] = known
        return known[2]

    def decide(self) -> Plan:
        """The next plan; the same with the memo as without it, and the same twice."""
        desired, observed = self.desired, self.observe()
        plan = decide(desired, observed, self.progress, self.clock, self.settled, ahead=self.ahead)
        if self.check_memo:
            anew = decide(desired, observed, self.progress, self.clock, ahead=self.ahead)
            assert plan == anew, f"the memo changed the plan:\n{plan}\n--- without\n{anew}"
            assert str(plan) == str(anew)
        assert not plan.bugs, [str(bug) for bug in plan.bugs]
        self.settled = plan.settled
        self.plan = plan
        return plan

    def act(self, plan: Plan, at_most: int | None = None) -> int:
        """Do the plan's steps; stop dead after `at_most` effects. Returns how many were done."""
        failed: set[int] = set()
        done = 0
        for step in plan.steps:
            if at_most is not None and done >= at_most:
                return done
            if not failed.isdisjoint(step.after):
                failed.add(step.number)
                continue
            action = step.action
            if isinstance(action, StopPod):
                assert_out_of_rotation(self, action)
            try:
                self.fleet.perform(action, self.now)
                done += 1
            except NodeError as error:
                failed.add(step.number)
                if isinstance(action, StartPod):
                    self.progress = after_failure(
                        self.progress, action, error.reason, error.message, self.clock
                    )
            else:
                if isinstance(action, Publish):
                    assert_only_fit_ones(self, action.traffic)
                if isinstance(action, StartPod):
                    self.progress = after_success(self.progress, action.key)
        return done

    def turn(self, at_most: int | None = None) -> Plan:
        """One pass: decide, check the laws that hold for every plan, record, act."""
        plan = self.decide()
        check_plan(plan, self.desired, self.observe(), self.progress, self.clock)
        self.progress = plan.progress
        self.act(plan, at_most)
        return plan

    def restart(self, *, lost: bool) -> None:
        """The reconciler was killed; another one comes. `lost`: without its progress."""
        self.settled = None
        if lost:
            self.progress = Progress()

    def run(self, passes: int = 400, until: float = 50_000.0) -> Plan:
        """Pass after pass, until nothing is left to wait for. Fails if that never comes."""
        end = self.now + until
        for _ in range(passes):
            plan = self.turn()
            if plan.steps:
                self.now += 0.01
                continue
            if plan.standing == "converged":
                return plan
            wake = self.later(plan.wake_at) if plan.wake_at is not None else None
            moments = [m for m in (wake, self.fleet.next_change(self.now)) if m is not None]
            later = min((m for m in moments if m > self.now), default=None)
            if later is None or later > end:
                return plan
            self.now = later
        raise AssertionError(f"no end after {passes} passes:\n{self.plan}\n{self.plan.verdicts}")


def assert_out_of_rotation(world: World, action: StopPod) -> None:
    """Law 9: no proxy may still send anything to a pod that begins to end, be it that its node is silent or
    that telling it has failed. Nothing is expected of a lost one, nor of one that was untold for long.
    """
    home = world.fleet.machines[action.node]
    pod = home.pods.get(action.key)
    if pod is None or not any(c.seen.state == "running" and c.role != "sandbox" for c in pod.containers):
        return
    ip = pod.record.ip or home.facts.internal_ip
    views = survey(world.desired.fleet, world.observe(), world.clock).views
    for machine in world.fleet.machines.values():
        view = views[machine.name]
        if view.status not in ("ready", "silent") or machine.data_plane not in (
            "running",
            "outdated",
            "stale",
        ):
            continue
        if machine.untold_since is not None and world.clock >= machine.untold_since + UNTOLD_S:
            continue
        if view.never_seen:
            continue
        for end in (e for may in machine.uncertain or (machine.traffic,) for e in endpoints(may)):
            fit = (end.name, end.ip, end.state) == (action.pod, ip, "ready")
            assert not fit, f"{machine.name} still has {action.pod}\n{world.plan}"


def assert_only_fit_ones(world: World, traffic: NodeTraffic) -> None:
    """Law 9: what is published as ready is ready, as far as anybody can know."""
    wanted = world.desired.services.values()
    unready = {s.metadata.name for s in wanted if s.spec.publish_not_ready_addresses or not s.spec.selector}
    for service in traffic.services:
        for end in (e for port in service.ports for e in port.endpoints if e.state == "ready"):
            if service.name in unready or not world.fleet.machines[end.node].reachable:
                continue
            machine = world.fleet.machines[end.node]
            pod = machine.pods.get(Key("Pod", service.namespace, end.name))
            assert pod is not None and pod.gone_at is None, f"{end.name} has gone\n{world.plan}"
            assert pod.at(world.now).ready, f"{end.name} isn't ready\n{world.plan}"


def endpoints(traffic: NodeTraffic | None) -> list[Endpoint]:
    services = traffic.services if traffic is not None else ()
    return [e for service in services for port in service.ports for e in port.endpoints]


def check_plan(plan: Plan, desired: Desired, observed: Observed, progress: Progress, now: float) -> None:
    """What holds for every plan, whatever has happened before."""
    numbers = [s.number for s in plan.steps]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(before < s.number for s in plan.steps for before in s.after)
    assert all(s.action.because for s in plan.steps), "every action says why"
    subjects = [(s.action.node, s.action.key) for s in plan.steps if hasattr(s.action, "key")]
    assert len(subjects) == len(set(subjects)), "one action a pod"
    for step in plan.steps:
        node = observed.nodes.get(step.action.node)
        assert node is not None and node.reachable, f"{step} acts on a node that can't be reached"
    views = survey(desired.fleet, observed, now).views
    believed = {name for name, view in views.items() if view.status in ("ready", "silent")}
    handed = takers(desired)  # their pods go as those of another object come
    for key, workload in desired.workloads.items():
        if isinstance(workload, Deployment) and key not in desired.strategies and key not in handed:
            check_budget(plan, key, workload, observed, progress, believed)


def check_budget(
    plan: Plan,
    key: Key,
    workload: Deployment,
    observed: Observed,
    progress: Progress,
    believed: Container[str],
) -> None:
    """Law 3: a plan never takes more than maxUnavailable allows, nor goes above maxSurge. Pods on a node that
    is `believed` count as they were last seen.
    """
    if workload.spec.strategy.type == "Recreate" or workload.spec.paused:
        return
    budget = budget_of(workload.spec.strategy, workload.spec.replicas)
    stops = [s.action for s in plan.steps if isinstance(s.action, StopPod) and s.action.owner == key]
    evicted = {(a.node, a.key) for a in stops if ":NoExecute" in a.because}  # that isn't a rollout
    every = [p for p in observed.by_owner.get(key, ()) if not p.terminating]
    pods = [p for p in every if (p.node, p.key) not in evicted]
    sees = {(p.node, p.key): p for p in every}
    starts = [
        s.action
        for s in plan.steps
        if isinstance(s.action, StartPod)
        and s.action.owner == key
        and (s.action.node, s.action.key) not in sees
        and s.action.key not in progress.attempts
    ]
    up = [p for p in pods if p.ready and p.node in believed]
    taken = [pod for a in stops if (pod := sees[a.node, a.key]) in up]
    if taken:
        assert len(up) - len(taken) >= budget.least, f"{key}: too few stay available\n{plan}"
    seen = {p.key for p in every}
    held = [k for k, a in plan.progress.attempts.items() if a.record.owner == key and k not in seen]
    here = [p for p in pods if observed.nodes[p.node].reachable]
    if starts:
        assert len(here) + len(starts) + len(held) <= budget.most, f"{key}: too many\n{plan}"
