"""Looking ahead: measurements are taken for good ones, so the forecast goes past an update's analyses."""

from __future__ import annotations

import msgspec

from reconciler.engine.simulation.forecast import forecast
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.model.desired import Desired
from reconciler.model.progress import Progress
from tests.decide.analysis.builders import NOW, metric, run_file, template
from tests.decide.builders import bare_pod, desired, rollout
from tests.laws.world import World


def with_rollout(image: str) -> Desired:
    steps = [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "checks"}]}}]
    made = rollout({"canary": {"steps": steps}}, image=image, replicas=2)
    checks = template("checks", {"name": "rate", "interval": "1m", "count": 3})
    return msgspec.structs.replace(desired(made), templates={checks.key: checks})


def test_the_forecast_of_an_update_goes_past_its_analysis() -> None:
    world = World(with_rollout("web:v1"))
    assert world.run().standing == "converged"
    told = forecast(with_rollout("web:v2"), world.observe(), world.progress, world.now)
    assert told.standing == "converged", str(told)
    assert 120.0 <= told.at < 180.0, "three measurements, a minute apart"


def test_a_forecast_goes_past_an_analysis_that_waits_for_good_measurements() -> None:
    """Argo Rollouts: without a count, until so many in a row are good."""
    waits = template("checks", {"name": "rate", "interval": "1m", "consecutiveSuccessLimit": 4})
    world = World(with_rollout("web:v1"))
    world.run()
    whole = msgspec.structs.replace(with_rollout("web:v2"), templates={waits.key: waits})
    told = forecast(whole, world.observe(), world.progress, world.now)
    assert told.standing == "converged", str(told)
    assert 180.0 <= told.at < 240.0, "four measurements, a minute apart"


def test_a_forecast_of_one_that_never_ends_is_bounded() -> None:
    given = run_file(metric(interval="1s"))
    whole = msgspec.structs.replace(desired(bare_pod("web", "web:v1")), runs={given.key: given})
    told = forecast(whole, SimulatedFleet(whole.fleet).observe(NOW), Progress(), NOW, limit=60.0)
    assert told.at <= 60.0
