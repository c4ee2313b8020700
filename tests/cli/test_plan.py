"""`reconciler plan` from the outside: its exit codes, its course, its differences, what if a node dies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reconciler import wiring
from reconciler.cli.inventory import inventory
from reconciler.cli.plan import command
from tests.laws.world import World
from tests.manifests.build import deployment

FLEET = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: home}
spec:
  source: {directory: {path: apps}}
  nodes:
    - {name: pi-1, address: "ssh://root@192.0.2.1"}
    - {name: pi-2, address: "ssh://root@192.0.2.2"}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A simulated fleet that runs nothing yet, in the place of the real one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "nodes.yaml").write_text(FLEET)
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "web.yaml").write_text(deployment(spec="replicas: 2"))
    fleet = inventory(Path("nodes.yaml"))
    wanted, *_ = wiring.survey(fleet, wiring.pick_source(fleet, None, None))
    made = World(wanted)
    monkeypatch.setattr(wiring, "observe_once", lambda _: made.observe())
    return made


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)


def test_changes_are_2_when_details_are_asked_for(world: World) -> None:
    done = plan("--detailed-exitcode")
    assert done.return_value == 2
    assert "start web-" in done.output
    assert plan().return_value == 0


def test_nothing_to_do_is_0(world: World) -> None:
    assert world.run().standing == "converged"
    assert plan("--detailed-exitcode").return_value == 0


def test_it_changes_nothing(world: World) -> None:
    plan()
    assert world.fleet.log == []


def test_the_fields_that_changed(world: World) -> None:
    world.run()
    web = Path("apps/web.yaml")
    web.write_text(web.read_text().replace("nginx:1.29", "nginx:1.30"))
    done = plan("--diff")
    assert "nginx:1.29" in done.output
    assert "nginx:1.30" in done.output


def test_what_if_a_node_dies(world: World) -> None:
    world.run()
    done = plan("--without-node", "pi-2", "--detailed-exitcode")
    assert done.return_value == 2
    assert "@pi-1" in done.output
    assert "warning" not in done.output, "it is only supposed to be away"


def test_for_programs(world: World) -> None:
    told = json.loads(plan("-o", "json").output)
    assert told["standing"] == "converged"
    steps = [step for wave in told["waves"] for step in wave["steps"]]
    started = [step["action"] for step in steps if "pod" in step["action"] and "record" in step["action"]]
    assert len(started) == 2
    assert all("web wants 2" in action["because"] for action in started)
