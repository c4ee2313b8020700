"""What a node could say that nobody has ever seen: states within the types of the door, and beyond them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from reconciler.model.container import Container
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, NodeFacts, NodeState, PodRecord, PodState
from reconciler.model.pod import PodSpec
from reconciler.model.traffic import Endpoint, Name, NodeTraffic, Overlay, RoutedPort, RoutedService

NODES = ("pi-1", "pi-2", "pi-9")
EVIL = st.one_of(
    st.sampled_from(
        ["", "\n", "a;b", "10.42.0.2\nx", "999.1.1.1", "::1", "٣", "\x00", "x" * 300, "9" * 5000]
    ),
    st.text(max_size=8),
)
WORDS = st.sampled_from(["web", "api", "rs", "one", "x-0", "web-0123456789-0", "default"])
NUMBERS = st.one_of(
    st.integers(-1, 3),
    st.sampled_from(
        [0.0, -0.0, 1e9, 1e18, 1e308, float("inf"), float("-inf"), float("nan"), 2**63, -(2**63)]
    ),
)
TIMES = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 999_999.0, 1_000_000.0, 1_000_500.0, 2.5e11]))
ADDRESSES = st.one_of(
    st.just(""),
    st.builds("10.42.{}.{}".format, st.integers(0, 255), st.integers(0, 255)),
    st.just("192.0.2.1"),
)
QUANTITIES = st.sampled_from(["1", "500m", "9e99", "9" * 330, "99E", "1n", "0", "1Gi"])
STATES = ("absent", "created", "running", "restarting", "exited", "paused")
ROLES = ("sandbox", "init", "sidecar", "main")


@st.composite
def specs(draw: st.DrawFn) -> PodSpec:
    """As a label may have it: of its type, and of nobody's manifest."""

    def container(name: str) -> dict[str, Any]:
        resources = {"requests": {"cpu": draw(QUANTITIES), "memory": draw(QUANTITIES), "a.b/c": "9" * 20}}
        port = {"containerPort": draw(st.sampled_from([1, 80, 65535])), "name": "http"}
        return {"name": name, "image": "x", "resources": resources, "ports": [port]}

    grace = draw(st.sampled_from([0, 30, 2**31 - 1]))
    toleration = {"operator": "Exists", "tolerationSeconds": draw(st.sampled_from([-(2**63), 0, 2**63 - 1]))}
    names = draw(st.lists(st.sampled_from(["app", "b", "c"]), min_size=1, unique=True))
    inits = draw(st.lists(st.sampled_from(["i", "j"]), unique=True))
    whole = {
        "containers": [container(name) for name in names],
        "initContainers": [container(name) for name in inits],
        "restartPolicy": draw(st.sampled_from(["Always", "OnFailure", "Never"])),
        "terminationGracePeriodSeconds": grace,
        "hostNetwork": draw(st.booleans()),
        "tolerations": draw(st.lists(st.just(toleration), max_size=1)),
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": draw(
                    st.lists(st.just({"topologyKey": "kubernetes.io/os", "labelSelector": {}}), max_size=1)
                )
            }
        },
    }
    return msgspec.convert(whole, PodSpec)


def containers(words: st.SearchStrategy[Any], numbers: st.SearchStrategy[Any]) -> Any:
    return st.builds(
        ContainerState,
        name=st.one_of(st.sampled_from(["app", "b", "i", "sandbox"]), words),
        role=st.sampled_from(ROLES),
        state=st.sampled_from(STATES),
        exit_code=st.one_of(st.none(), st.integers(-(2**31), 2**32)),
        created_at=TIMES,
        started_at=TIMES,
        finished_at=TIMES,
        restarts=st.integers(0, 2**31),
        ready=st.booleans(),
        started=st.booleans(),
        live=st.booleans(),
        known=st.booleans(),
        error=words,
        probe_message=words,
    )


HASHES = st.sampled_from(["", "0123456789", "a"])
KINDS = st.sampled_from(["Deployment", "ReplicaSet", "Pod", "Rollout", "AnalysisRun", "Job", "X"])


def pods(
    hashes: st.SearchStrategy[str], words: Any = WORDS, ips: Any = ADDRESSES, numbers: Any = TIMES
) -> st.SearchStrategy[PodState]:
    def made(namespace: str, kind: str, owner: str, record: PodRecord, pod: PodState) -> PodState:
        key = Key(kind, namespace, owner)
        return msgspec.structs.replace(
            pod, record=msgspec.structs.replace(record, namespace=namespace, owner=key)
        )

    record = st.builds(
        PodRecord,
        namespace=words,
        name=words,
        owner=st.builds(Key, KINDS, words, words),
        template_hash=hashes,
        revision=words,
        node=st.just("pi-1"),
        spec=st.one_of(st.just(PodSpec(containers=(Container(name="app", image="x"),))), specs()),
        ip=ips,
        labels=st.one_of(st.just({"app": "web"}), st.dictionaries(words, words, max_size=2)),
        annotations=st.dictionaries(st.sampled_from(["reconciler.io/drain-seconds", "x"]), EVIL, max_size=2),
    )
    pod = st.builds(
        PodState,
        record=record,
        containers=st.lists(containers(EVIL, numbers), max_size=4).map(tuple),
        phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
        reason=EVIL,
        message=EVIL,
        created_at=st.one_of(st.just(0.0), TIMES.filter(lambda t: t is not None)),
        ready=st.booleans(),
        ready_since=TIMES,
        busy=st.booleans(),
        doubt=st.sampled_from(["", "", "it contradicts itself"]),
    )
    namespace = st.one_of(st.just("default"), words)
    return st.builds(made, namespace, KINDS, words, record, pod)


def traffics(words: Any, ips: Any, ports: Any) -> st.SearchStrategy[NodeTraffic]:
    end = st.builds(
        Endpoint,
        name=words,
        ip=ips,
        port=ports,
        node=words,
        weight=st.integers(0, 256),
        slot=st.sampled_from("ab"),
    )
    port = st.builds(
        RoutedPort,
        port=ports,
        node_port=ports,
        http=st.booleans(),
        endpoints=st.lists(end, max_size=3).map(tuple),
    )
    service = st.builds(
        RoutedService,
        namespace=st.one_of(st.just("default"), words),
        name=words,
        ip=ips,
        ports=st.lists(port, max_size=2).map(tuple),
        live=st.sampled_from(["", "a", "b"]),
    )
    return st.builds(
        NodeTraffic,
        node=st.sampled_from(NODES),
        pod_range=st.just("10.42.0.0/16"),
        pod_cidr=st.just("10.42.1.0/24"),
        service_range=st.just("10.43.0.0/16"),
        dns=st.just("10.43.0.10"),
        overlay=st.builds(Overlay, address=ips, peers=st.lists(ips, max_size=2).map(tuple)),
        services=st.lists(service, max_size=3).map(tuple),
        names=st.lists(st.builds(Name, name=words, addresses=st.tuples(ips)), max_size=2).map(tuple),
    )


GOOD_ADDRESSES = ADDRESSES.filter(bool)
FACTS = st.builds(
    NodeFacts,
    architecture=st.sampled_from(["amd64", "arm64", ""]),
    cpu_milli=st.sampled_from([0, 1, 4000, 2**41]),
    memory=st.sampled_from([0, 1, 2**33, 2**62]),
    disk_free=st.one_of(st.none(), st.just(0)),
    clock_skew=st.sampled_from([0.0, 1e6, -1e6, 1e11]),
    internal_ip=ADDRESSES,
    addresses=st.lists(GOOD_ADDRESSES, max_size=2).map(tuple),
)


@st.composite
def nodes(draw: st.DrawFn, hashes: st.SearchStrategy[str], *, typed: bool) -> NodeState:
    """`typed`: as the door lets it pass; else whatever can be built at all."""
    words, ips, numbers = (WORDS, ADDRESSES, TIMES) if typed else (EVIL, EVIL, NUMBERS)
    ports = st.integers(1, 65535) if typed else NUMBERS
    slices = st.sampled_from(["", "10.42.1.0/24", "10.42.2.0/24", "10.42.0.0/24"])
    name = draw(st.sampled_from(NODES))
    found = draw(st.lists(pods(hashes, words, ips, numbers), max_size=4, unique_by=lambda p: p.key))
    mine = [msgspec.structs.replace(p, record=msgspec.structs.replace(p.record, node=name)) for p in found]
    facts = draw(FACTS)
    if not typed:
        changed = {f: draw(NUMBERS) for f in ("cpu_milli", "memory", "clock_skew", "link_mtu")}
        facts = msgspec.structs.replace(facts, internal_ip=draw(EVIL), **changed)
    told = traffics(words, GOOD_ADDRESSES if typed else EVIL, ports)
    return NodeState(
        name=name,
        reachable=draw(st.sampled_from([True, True, True, False, None])),
        lost_since=draw(TIMES),
        facts=facts,
        pod_cidr=draw(slices if typed else st.one_of(slices, EVIL)),
        data_plane=draw(st.sampled_from(["", "stopped", "outdated", "stale", "running"])),
        traffic=draw(st.one_of(st.none(), told)),
        telling=draw(st.one_of(st.none(), told)),
        complaints=draw(st.lists(EVIL, max_size=2).map(tuple)),
        pods=tuple(mine),
    )
