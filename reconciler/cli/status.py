"""`reconciler status`: workloads, pods and nodes, what is going on and why."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import fleet_option
from reconciler.cli.terminal import echo, echo_json
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.model.fleet import Fleet
    from reconciler.record.overview import Overview

REFRESH_S = 1.0
"""Between two questions to a running reconciler."""
OBSERVE_AGAIN_S = 5.0
"""Between two looks at the nodes when none runs."""


@click.command("status")
@fleet_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="text for people, json for programs, yaml as Kubernetes objects.",
)
@click.option("-w", "--watch", is_flag=True, help="Keep showing it until Ctrl-C.")
def command(fleet_file: Path, output: str, watch: bool) -> None:
    """Show workloads, pods and nodes, what is going on and why.

    Asks the reconciler that runs on this machine; when none does, asks the nodes.
    """
    from reconciler.cli.inventory import inventory

    fleet = inventory(fleet_file)
    if output == "yaml":
        _show_objects(fleet)
    elif not watch:
        _show(look(fleet), output)
    elif output == "text" and sys.stdout.isatty():
        _live(fleet)
    else:
        for seen in _changes(fleet):
            _show(seen, output)


def _show_objects(fleet: Fleet) -> None:
    import yaml

    from reconciler.cli.ask import objects_of

    found = objects_of(fleet)
    if found is None:
        remedy = "start `reconciler serve`, or ask without -o yaml"
        raise UsageError("no reconciler runs on this machine that could show its objects", remedy=remedy)
    echo(yaml.dump(found, Dumper=yaml.CSafeDumper, sort_keys=False), nl=False)


def look(fleet: Fleet) -> Overview:
    """The fleet as its reconciler sees it, or, when none runs here, as its nodes say."""
    from reconciler.cli.ask import ask
    from reconciler.wiring import lock_dir

    return ask(fleet, lock_dir()) or _observe(fleet)


def _observe(fleet: Fleet) -> Overview:
    from reconciler.record.overview import overview
    from reconciler.wiring import observe_once

    return overview(fleet.metadata.name, observe_once(fleet), time.time(), running=False)


def _changes(fleet: Fleet) -> Iterator[Overview]:
    import msgspec

    before: Overview | None = None
    while True:
        seen = look(fleet)
        if before is None or msgspec.structs.replace(seen, at=before.at) != before:
            yield seen
        before = seen
        time.sleep(_pause(seen))


def _pause(seen: Overview) -> float:
    return REFRESH_S if seen.running else OBSERVE_AGAIN_S


def _show(seen: Overview, output: str) -> None:
    if output == "json":
        echo_json(seen)
    elif sys.stdout.isatty():
        from rich.console import Console

        from reconciler.cli.picture import picture

        Console().print(picture(seen, time.time()))
    else:
        from reconciler.cli.page import page, plain

        echo(plain(page(seen, time.time())))


def _live(fleet: Fleet) -> None:
    from rich.live import Live

    from reconciler.cli.picture import picture

    seen = look(fleet)
    with Live(picture(seen, time.time()), auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(_pause(seen))
            seen = look(fleet)
            live.update(picture(seen, time.time()), refresh=True)
