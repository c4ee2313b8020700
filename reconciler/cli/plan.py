"""`reconciler plan`: what would change, wave by wave, without changing anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import fleet_option, output_option
from reconciler.cli.terminal import echo, echo_json

if TYPE_CHECKING:
    from reconciler.model.observed import Observed


@click.command("plan")
@click.argument("source", required=False)
@fleet_option
@output_option
@click.option("--branch", help="The branch, when SOURCE is a repository.")
@click.option("--diff", is_flag=True, help="Show which fields changed.")
@click.option(
    "--without-node", "without_nodes", metavar="NAME", multiple=True, help="What if this node dies?"
)
@click.option("--detailed-exitcode", is_flag=True, help="0: nothing to do, 2: changes, 1: an error.")
@click.option("--allow-empty", is_flag=True, help="Let a source without any object remove everything.")
def command(
    source: str | None,
    fleet_file: Path,
    output: str,
    branch: str | None,
    diff: bool,
    without_nodes: tuple[str, ...],
    detailed_exitcode: bool,
    allow_empty: bool,
) -> int:
    """Show the whole course of a rollout to SOURCE: which pods start and stop, where, in what order, why.

    SOURCE is a directory of manifests, a Git repository or its URL; left out, it is the one that
    nodes.yaml names. Nothing is changed, and no lock is taken.
    """
    import time

    from reconciler.cli.ask import nodes_of
    from reconciler.cli.inventory import inventory
    from reconciler.engine.simulation.forecast import forecast, without_node
    from reconciler.wiring import pick_source, survey

    fleet = inventory(fleet_file, allow_empty=allow_empty)
    wanted, observed, progress = survey(fleet, pick_source(fleet, source, branch), lambda: nodes_of(fleet))
    now = time.time()
    for name in without_nodes:
        observed = without_node(observed, name, now)
    course = forecast(wanted, observed, progress, now)
    _tell_of_unreachable(observed, without_nodes)
    if output == "json":
        echo_json(course.as_json())
    else:
        if diff and course.fields:
            echo(course.diff() + "\n")
        echo(str(course))
    return 2 if detailed_exitcode and course.changes else 0


def _tell_of_unreachable(observed: Observed, supposed: tuple[str, ...]) -> None:
    for node in observed.nodes.values():
        if not node.reachable and node.name not in supposed:
            echo(f"warning: {node.name} can't be reached, its pods are unknown: {node.message}", err=True)
