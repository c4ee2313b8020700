"""What Prometheus reads."""

from __future__ import annotations

from reconciler.api.metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    return [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]


def test_a_pass_and_its_actions() -> None:
    metrics = Metrics("home")
    metrics.passed(0.02, 3)
    metrics.acted("start", 0.4, ok=True)
    metrics.acted("start", 0.1, ok=False)
    told = lines(metrics)
    assert "reconciler_passes_total 1.0" in told
    assert "reconciler_plan_steps 3.0" in told
    assert 'reconciler_actions_total{result="ok",verb="start"} 1.0' in told
    assert 'reconciler_actions_total{result="error",verb="start"} 1.0' in told
    assert 'reconciler_action_seconds_bucket{le="0.25",verb="start"} 1.0' in told
    assert 'reconciler_fleet_info{fleet="home"} 1.0' in told


def test_what_is_no_longer_there_is_taken_away() -> None:
    metrics = Metrics("home")
    metrics.pods({"Running": 3, "Pending": 1})
    metrics.pods({"Running": 4})
    metrics.revision("a")
    metrics.revision("b")
    pods = [line for line in lines(metrics) if line.startswith(("reconciler_pods", "reconciler_revision"))]
    assert pods == ['reconciler_pods{phase="Running"} 4.0', 'reconciler_revision_info{revision="b"} 1.0']


def test_two_fleets_do_not_meet() -> None:
    one, two = Metrics("one"), Metrics("two")
    one.rollout_failed()
    one.source_error()
    one.converged(True)
    one.nodes({"ready": 3})
    one.workloads({"converged": 2})
    assert "reconciler_rollouts_failed_total 1.0" in lines(one)
    assert "reconciler_rollouts_failed_total 0.0" in lines(two)


def test_the_network() -> None:
    metrics = Metrics("home")
    metrics.network(2, {"ready": 5, "draining": 1})
    metrics.network(3, {"ready": 6})
    metrics.data_planes({"running": 2, "outdated": 1})
    told = lines(metrics)
    assert "reconciler_services 3.0" in told
    assert [line for line in told if line.startswith("reconciler_endpoints")] == [
        'reconciler_endpoints{state="ready"} 6.0'
    ]
    assert 'reconciler_data_planes{state="outdated"} 1.0' in told
