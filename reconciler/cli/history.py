"""`reconciler history`: which revisions ran, when, and how they ended."""

from __future__ import annotations

import time
from pathlib import Path

import click

from reconciler.cli.options import fleet_option, output_option
from reconciler.cli.terminal import echo, echo_json


@click.command("history")
@click.argument("name", required=False)
@fleet_option
@output_option
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--namespace", help="Of NAME; left out, the one object of that name in all of them.")
def command(name: str | None, fleet_file: Path, output: str, limit: int, namespace: str | None) -> None:
    """Show which revisions ran, newest first; with NAME, what became of each version of one object.

    NAME is `web`, `rollout/web` or `deployment/web` of something that is delivered step by step: its
    versions, who told it what, and how each one ended.

    Reads this machine's record of the fleet. A machine that has never run the reconciler has none.
    """
    from reconciler.cli.inventory import inventory
    from reconciler.record.journal import Journal
    from reconciler.wiring import open_store

    store = open_store(inventory(fleet_file))
    try:
        if name is not None:
            from reconciler.cli.history_of import show

            show(store, name, namespace, limit, output)
            return
        found = Journal(store).history(limit)
    finally:
        store.close()
    if output == "json":
        echo_json(found)
        return
    for each in found:
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each.seen_at))
        took = f"{each.ended_at - each.seen_at:6.1f} s" if each.ended_at is not None else "        "
        echo(f"{begun}  {took}  {each.standing:<12} {each.revision}")
        if each.message:
            echo(f"    {each.message}")
    if not found:
        echo("no revision has run yet")
