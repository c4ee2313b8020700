"""Rates from the proxies' counts: differences, beginnings anew, several nodes, too few requests."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import MeasurementError
from reconciler.measuring.haproxy import LOOK_S, Lacking, Rates
from reconciler.model.analysis import HAProxyMetric, Metric, MetricProvider
from reconciler.model.meta import Key
from reconciler.model.plan import Measure
from reconciler.model.traffic import Counter

RUN = Key("AnalysisRun", "default", "run")


def count(pod: str, requests: int, errors: int = 0, seconds: float = 0.0, service: str = "web") -> Counter:
    return Counter(
        service=f"default/{service}",
        namespace="default",
        pod=pod,
        requests=requests,
        errors=errors,
        seconds=seconds,
    )


class Proxies:
    """Two nodes' counters, look by look, and a clock that waiting moves."""

    def __init__(self, *looks: dict[str, list[Counter]]) -> None:
        self.looks, self.waited, self.now = list(looks), [], 100.0  # type: ignore[var-annotated]
        self.ending = False
        self.rates = Rates(lambda: self.looks.pop(0), self._wait, lambda: self.now)

    def _wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        return self.ending

    def measure(self, interval: float = 0.0, canary: tuple[str, ...] = ("new",), **fields: Any) -> Any:
        metric = HAProxyMetric(**fields)
        asked = Measure(
            run=RUN,
            metric=Metric(name="rate", provider=MetricProvider(haproxy=metric)),
            number=0,
            canary=canary,
            stable=("old",),
            services=("web", "web-canary"),
            interval=interval,
        )
        return self.rates.measure(asked, metric)


def test_the_first_measurement_looks_twice_and_tells_the_difference() -> None:
    proxies = Proxies(
        {"a": [count("new", 100, 50, 9.0), count("old", 7)]},
        {"a": [count("new", 120, 55, 10.0), count("old", 17, 0, 0.5)]},
    )
    found = proxies.measure()
    assert proxies.waited == [LOOK_S]
    assert found["canary"] == {
        "requests": 20,
        "errors": 5,
        "errorRate": 0.25,
        "requestRate": 2.0,
        "latency": pytest.approx(50.0),
    }
    assert found["stable"]["requests"] == 10
    assert found["stable"]["latency"] == pytest.approx(50.0)


def test_later_ones_tell_what_came_since_without_waiting() -> None:
    proxies = Proxies({"a": [count("new", 0)]}, {"a": [count("new", 10)]}, {"a": [count("new", 25)]})
    proxies.measure(interval=30.0)
    proxies.now += 30
    assert proxies.measure(interval=30.0)["canary"]["requests"] == 15
    assert proxies.waited == [30.0]


def test_the_wait_for_a_second_look_is_bounded() -> None:
    proxies = Proxies({"a": []}, {"a": [count("new", 1)]})
    proxies.measure(interval=3600.0)
    assert proxies.waited == [60.0]


def test_counts_that_fell_began_anew() -> None:
    proxies = Proxies({"a": [count("new", 100, 100, 50.0)]}, {"a": [count("new", 4, 1, 0.4)]})
    canary = proxies.measure()["canary"]
    assert (canary["requests"], canary["errors"], canary["latency"]) == (4, 1, pytest.approx(100.0))


def test_every_nodes_proxy_counts_and_each_for_itself() -> None:
    proxies = Proxies(
        {"a": [count("new", 50)], "b": [count("new", 5)]},
        {"a": [count("new", 3)], "b": [count("new", 10)]},
    )
    assert proxies.measure()["canary"]["requests"] == 8, "a began anew, b went on"


def test_a_node_that_is_away_is_left_out_and_goes_on_where_it_was() -> None:
    proxies = Proxies(
        {"a": [count("new", 10)], "b": [count("new", 10)]},
        {"a": [count("new", 15)]},
        {"a": [count("new", 20)], "b": [count("new", 13)], "c": [count("new", 9000)]},
    )
    assert proxies.measure()["canary"]["requests"] == 5
    assert proxies.measure()["canary"]["requests"] == 8, "c was never asked before: what it counted is old"


def test_only_services_and_pods_that_are_asked_for_count() -> None:
    after = [
        count("new", 1),
        count("new", 10, service="web:split"),
        count("new", 100, service="web-canary"),
        count("new", 1000, service="other"),
        count("else", 10000),
        Counter(service="other/web", namespace="other", pod="new", requests=100000),
    ]
    assert Proxies({"a": []}, {"a": after}).measure()["canary"]["requests"] == 111
    assert Proxies({"a": []}, {"a": after}).measure(service="web-canary")["canary"]["requests"] == 100


def test_too_few_requests_are_too_little_to_judge_by_until_they_add_up() -> None:
    proxies = Proxies({"a": []}, {"a": [count("new", 6)]}, {"a": [count("new", 12)]})
    found = proxies.measure(min_requests=10)
    assert found == Lacking(because="the new version had 6 requests in 10 s; minRequests is 10")
    assert proxies.measure(min_requests="10")["canary"]["requests"] == 12


def test_a_version_without_requests_has_no_latency() -> None:
    found = Proxies({"a": []}, {"a": [count("new", 1)]}).measure()
    assert found["stable"] == {
        "requests": 0,
        "errors": 0,
        "errorRate": 0.0,
        "requestRate": 0.0,
        "latency": None,
    }


def test_what_cannot_be_measured() -> None:
    assert isinstance(Proxies().measure(canary=()), Lacking)
    with pytest.raises(MeasurementError, match="no node's proxy could be asked"):
        Proxies({}).measure()
    with pytest.raises(MeasurementError, match="minRequests isn't a number"):
        Proxies().measure(min_requests="many")
    ending = Proxies({"a": []})
    ending.ending = True
    with pytest.raises(MeasurementError, match="ending"):
        ending.measure()
