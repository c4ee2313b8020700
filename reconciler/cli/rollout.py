"""`reconciler rollout`: how a delivery stands, and what people tell it to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import fleet_option, output_option
from reconciler.cli.terminal import echo

if TYPE_CHECKING:
    from reconciler.model.delivery import Verb
    from reconciler.record.deliveries import Phase

name_argument = click.argument("name")

Command = Callable[..., None]


def shared(function: Command) -> Command:
    """Options of every verb here."""
    options = (
        fleet_option,
        click.option("-n", "--namespace", help="Left out, the one object of that name in all of them."),
        click.option("--source", metavar="SOURCE", help="As for `plan`; only asked when no reconciler runs."),
        click.option("--branch", help="The branch, when SOURCE is a repository."),
        click.option("-w", "--watch", is_flag=True, help="Show how it goes on, until it has ended."),
        click.option(
            "--timeout", default="", metavar="DURATION", help="Watch no longer than this, such as 5m."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


OF_KUBECTL = {
    "history": "`reconciler history NAME` lists its versions, what was decided and what became of them",
    "restart": "set spec.restartAt in the Rollout's manifest; in a Deployment's, an annotation of the pod "
    "template, such as kubectl.kubernetes.io/restartedAt",
}
"""Verbs of `kubectl rollout` that aren't here -> what does the same."""


class Steering(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the way to go for who knows kubectl."""
        if instead := OF_KUBECTL.get(args[0]):
            ctx.fail(f"No such command '{args[0]}': {instead}.")
        return super().resolve_command(ctx, args)


@click.group("rollout", cls=Steering)
def command() -> None:
    """Follow and steer what is delivered step by step: Rollouts, and Deployments that ask for it.

    NAME is `web`, `rollout/web` or `deployment/web`.
    """


@command.command("status")
@click.argument("name", required=False)
@shared
@output_option
def status(name: str | None, output: str, **given: Any) -> None:
    """Show steps, sets, weights, analyses and decisions; without NAME, a line for each object.

    With --watch it ends when the object is healthy (exit 0) or degraded (exit 1).
    """
    from reconciler.cli.rollout_watch import show, show_all, watch
    from reconciler.errors import UsageError

    asked = _asked(given)
    if name is None:
        if given["watch"]:
            raise UsageError("one object can be watched, not all", remedy="name it, or leave --watch away")
        show_all(asked.look(), output, sys.stdout.isatty(), given["namespace"])
        return
    key = asked.find(name, given["namespace"])
    if given["watch"]:
        watch(asked, key, output, given["timeout"])
    else:
        show(asked.look(key), key, output, sys.stdout.isatty())


def _verb(verb: Verb, name: str, given: dict[str, Any]) -> None:
    from reconciler.cli.rollout_watch import watch

    asked = _asked(given)
    key = asked.find(name, given["namespace"])
    words = asked.order(key, verb)
    echo(f"{key}: {words}")
    if given["watch"]:
        wanted: Phase = "Degraded" if verb in ("abort", "undo") else "Healthy"
        watch(asked, key, "text", given["timeout"], wanted=wanted)


def _asked(given: dict[str, Any]) -> Any:
    """Wrong options are told before an order is given: it can't be taken back."""
    from reconciler.cli.inventory import inventory
    from reconciler.cli.rollout_ask import Asking
    from reconciler.cli.rollout_watch import patience
    from reconciler.errors import UsageError

    patience(given["timeout"])
    if given["timeout"] and not given["watch"]:
        raise UsageError(
            "it says how long to watch, and nothing is watched",
            where="--timeout",
            remedy="add --watch, or leave --timeout away",
        )
    fleet_file: Path = given["fleet_file"]
    return Asking(inventory(fleet_file), given["source"], given["branch"])


@command.command("pause")
@name_argument
@shared
def pause(name: str, **given: Any) -> None:
    """Hold it where it is, until somebody says resume."""
    _verb("pause", name, given)


@command.command("resume")
@name_argument
@shared
def resume(name: str, **given: Any) -> None:
    """Let it go on after a pause that somebody asked for."""
    _verb("resume", name, given)


@command.command("promote")
@name_argument
@click.option("--full", is_flag=True, help="Skip all steps, pauses and analyses that are left.")
@shared
def promote(name: str, full: bool, **given: Any) -> None:
    """End the pause that it waits in, or switch to the new set."""
    _verb("promote-full" if full else "promote", name, given)


@command.command("abort")
@name_argument
@shared
def abort(name: str, **given: Any) -> None:
    """Go back to the stable version at once; the newest one isn't tried again until it changes."""
    _verb("abort", name, given)


@command.command("retry")
@name_argument
@shared
def retry(name: str, **given: Any) -> None:
    """Try an aborted version once more, from its first step."""
    _verb("retry", name, given)


@command.command("undo")
@name_argument
@shared
def undo(name: str, **given: Any) -> None:
    """Go back to the version that was stable before this one, without steps, until the manifest changes."""
    _verb("undo", name, given)
