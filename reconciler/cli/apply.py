"""`reconciler apply`: converge the fleet to a source, once."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import click

from reconciler.cli.options import fleet_option, output_option
from reconciler.cli.terminal import echo, echo_json
from reconciler.errors import NotConverged
from reconciler.loop.turn import Turn

SETTLE_S = 5.0
"""How long nodes get to answer, and a blocked fleet to become unblocked, before it is judged."""


@click.command("apply")
@click.argument("source", required=False)
@fleet_option
@output_option
@click.option("--branch", help="The branch, when SOURCE is a repository.")
@click.option("--timeout", default="", metavar="DURATION", help="Give up after this long, such as 5m.")
@click.option("--allow-empty", is_flag=True, help="Let a source without any object remove everything.")
def command(
    source: str | None, fleet_file: Path, output: str, branch: str | None, timeout: str, allow_empty: bool
) -> None:
    """Converge the fleet to SOURCE, once.

    SOURCE is a directory of manifests, a Git repository or its URL; left out, it is the one that
    nodes.yaml names. Exits with 0 only if that revision converged.
    """
    from reconciler.cli.inventory import inventory
    from reconciler.cli.live import open_view
    from reconciler.loop.once import Finish
    from reconciler.model.duration import seconds
    from reconciler.wiring import one_shot, pick_source

    fleet = inventory(fleet_file, allow_empty=allow_empty)
    began = monotonic()
    with one_shot(fleet, pick_source(fleet, source, branch)) as loop, open_view(output == "json") as view:
        limit = seconds(timeout) - (monotonic() - began) if timeout else None
        finish = Finish(limit, SETTLE_S, loop.now)
        loop.listen(view.show)
        turn = loop.run(finish, finish.nap)
    if output == "json":
        echo_json(_as_json(turn))
    _judge(turn, finish.timed_out, output)


def _judge(turn: Turn, timed_out: bool, output: str) -> None:
    """Raises `NotConverged` unless the revision converged."""
    if turn.plan is not None and turn.desired is not None and turn.plan.standing == "converged":
        if output == "text":
            echo(f"converged: {turn.desired.revision}")
        return
    remedy = "`reconciler status` shows each pod and why it isn't ready"
    raise NotConverged(_why(turn, timed_out), remedy=remedy)


def _why(turn: Turn, timed_out: bool) -> str:
    from reconciler.loop.narrate import describe

    if turn.plan is None or turn.desired is None:
        return "no revision could be applied"
    bad = {k: v for k, v in turn.plan.verdicts.items() if v.standing != "converged"}
    lines = [f"  {k}: {describe(v)}" for k, v in bad.items()] + [
        f"  {n}" for n in (*turn.failing, *turn.plan.notes)
    ]
    end = "out of time" if timed_out else turn.plan.standing
    return "\n".join([f"revision {turn.desired.revision.short} did not converge: {end}", *lines])


def _as_json(turn: Turn) -> object:
    plan = turn.plan
    workloads = {str(k): v for k, v in plan.verdicts.items()} if plan else {}
    return {
        "revision": plan.revision if plan else "",
        "standing": plan.standing if plan else "blocked",
        "workloads": workloads,
        "notes": plan.notes if plan else (),
    }
