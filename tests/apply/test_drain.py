"""What a pod is answering may finish before it ends, but not for ever."""

from __future__ import annotations

import pytest

from reconciler.apply.drain import drain
from reconciler.apply.perform import perform
from reconciler.errors import NodeUnreachable
from reconciler.model.action import StopPod
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState


class Proxy:
    """Says one number of sessions after another, then none; None: it can't be asked."""

    def __init__(self, *sessions: int | None) -> None:
        self.name, self.sessions_left, self.asked = "a", list(sessions), 0

    def state(self) -> NodeState:
        return NodeState(name=self.name, reachable=True)

    def sessions(self, ip: str, seconds: float) -> int:
        assert ip == "10.42.1.5"
        assert seconds > 0
        self.asked += 1
        found = self.sessions_left.pop(0) if self.sessions_left else 0
        if found is None:
            raise NodeUnreachable("it doesn't answer", node=self.name)
        return found


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def stop(drain_s: float = 5.0, ip: str = "10.42.1.5") -> StopPod:
    owner = Key("Deployment", "default", "web")
    return StopPod(
        node="a", because="?", owner=owner, namespace="default", pod="web", grace=1.0, ip=ip, drain=drain_s
    )


@pytest.mark.parametrize(
    ("proxies", "seconds"),
    [
        ([Proxy(), Proxy()], 0.0),
        ([Proxy(1), Proxy(0)], 0.02),
        ([Proxy(1, 1), Proxy(3, 1, 1)], 0.02 + 0.03 + 0.045),
        ([Proxy(None), Proxy(1)], 0.02),
        ([Proxy(*[1] * 1000)], 5.0),
    ],
    ids=["nothing under way", "one request", "several nodes", "a node that fails", "for ever"],
)
def test_it_waits_for_what_is_under_way(proxies: list[Proxy], seconds: float) -> None:
    clock = Clock()
    drain(stop(), proxies, clock, clock.sleep)  # type: ignore[arg-type]  # all that it uses of a node
    assert clock.now - 100 == pytest.approx(seconds)


def test_a_node_that_has_nothing_or_fails_is_not_asked_again() -> None:
    """It gets nothing new: the pod has been taken out of rotation before."""
    clock, proxies = Clock(), [Proxy(), Proxy(None), Proxy(1, 1, 1)]
    drain(stop(), proxies, clock, clock.sleep)  # type: ignore[arg-type]
    assert [p.asked for p in proxies] == [1, 1, 4]


class Home(Proxy):
    def stop_pod(self, action: StopPod) -> None:
        assert self.asked == 3, "only once nothing is under way"
        self.stopped = True


def test_a_stop_waits_for_every_nodes_proxy() -> None:
    home = Home(1, 1)
    perform(stop(), {"a": home, "b": Proxy(1)}, {})  # type: ignore[dict-item]
    assert home.stopped


@pytest.mark.parametrize("action", [stop(drain_s=0.0), stop(ip="")])
def test_a_pod_that_no_proxy_has_is_not_waited_for(action: StopPod) -> None:
    proxy = Proxy(1)
    drain(action, [proxy])  # type: ignore[list-item]
    assert proxy.asked == 0
