"""The command line. One file a verb; a verb's file is imported only when it is called.

This is the one place that prints errors and turns them into exit codes: 0 done, 1 an expected
failure, 2 wrong usage (or, for `plan --detailed-exitcode`, changes), 3 a bug, 130 Ctrl-C.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import importlib
import os
import signal
import sys
from typing import NoReturn

import click

from reconciler import __version__
from reconciler.cli.terminal import echo
from reconciler.errors import ReconcilerError

VERBS = {
    "init": "Create a fleet repository from the template.",
    "validate": "Check manifests and nodes.yaml; prints every error with file and line.",
    "plan": "Show what would change, wave by wave.",
    "apply": "Converge the fleet to a source, once.",
    "serve": "Keep the fleet converged: the daemon.",
    "status": "Show workloads, pods and nodes, what is going on and why.",
    "rollout": "Follow and steer progressive deliveries: pause, promote, abort, retry, undo.",
    "history": "Show which revisions ran, when, and how they ended.",
    "nodes": "Check nodes and pin their host keys.",
    "lab": "A disposable fleet of real nodes on this machine.",
    "demo": "The main job, shown on a fleet that is gone afterwards.",
}
"""Verb -> one line of help. Each lives in `cli/<verb>.py` as `command`."""

HIDDEN = {"hook": "What the hosted repository's Git hooks call."}


class Verbs(click.Group):
    """Imports a verb's module when it is asked for: `validate` runs in a pre-commit hook."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS and cmd_name not in HIDDEN:
            return None
        command: click.Command = importlib.import_module(f"reconciler.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a misspelt verb."""
        if args[0] not in VERBS and args[0] not in HIDDEN and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconciler")
def reconciler() -> None:
    """Kubernetes manifests and GitOps on plain Docker hosts."""


def main() -> NoReturn:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminated)
    _leave(run())


def _terminated(number: int, _frame: object) -> NoReturn:
    """SIGTERM as Ctrl-C: programs that we started end with us, and temporary files go."""
    raise SystemExit(128 + number)


def run() -> int:
    """Carry out what the command line says; the exit code."""
    try:
        code = reconciler.main(standalone_mode=False)
    except SystemExit as end:  # click's own, when nobody reads the output any more
        code = end.code
    except (click.Abort, KeyboardInterrupt):
        echo("interrupted", err=True)
        return 130
    except Exception as error:
        return _told(error)
    return code if isinstance(code, int) else 0


def _told(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, ReconcilerError):
        echo(f"error: {error}", err=True)
        return 1
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        echo(f"error: {error}\n  make room on the disk and try again", err=True)
        return 1
    import traceback

    echo("".join(traceback.format_exception(error)), err=True, nl=False)
    echo("this is a bug in the reconciler; please report it with the lines above", err=True)
    return 3


def _leave(code: int) -> NoReturn:
    """End without Python's own ending. That stops threads which still wait for a node, wherever they are; in
    the middle of a library of C++ or Rust this is an abort, and signal 6 takes the place of the exit code.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
