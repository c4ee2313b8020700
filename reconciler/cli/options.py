"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

fleet_option = click.option(
    "-f",
    "--fleet",
    "fleet_file",
    type=click.Path(path_type=Path),
    default=Path("nodes.yaml"),
    envvar="RECONCILER_FLEET",
    show_default=True,
    help="The inventory.",
)

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for people, json for programs.",
)
