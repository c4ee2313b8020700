"""`reconciler hook pre-receive|post-receive`: what the hosted repository's Git hooks call.

Git runs it in the repository, gives the updates on stdin, and shows what it prints to the pusher.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import click

from reconciler.errors import ReconcilerError
from reconciler.printable import printable, printable_lines

MAX_OPTIONS = 20


@click.group(hidden=True)
def command() -> None:
    """What the hosted repository's Git hooks call."""


@command.command("pre-receive")
def pre_receive() -> int:
    """Validate what is being pushed; exit 1 refuses it."""
    from reconciler.cli.ask import capacity_behind
    from reconciler.cli.hook_bounds import held
    from reconciler.source.follow import wake
    from reconciler.source.hooks import SOCKET
    from reconciler.source.receive import accept, updates

    repository = _repository()
    _speak_plainly()

    def check() -> bool:
        return accept(repository, updates(sys.stdin), _say, capacity_behind(repository / SOCKET))

    accepted = held(check, _say)
    if accepted:
        wake(repository / SOCKET)  # it then sees the branch move, 0.1 s before the next hook is up
    return 0 if accepted else 1


@command.command("post-receive")
def post_receive() -> int:
    """Wake the daemon and show the rollout, unless `git push -o detach` was said."""
    from reconciler.source.follow import follow, wake
    from reconciler.source.hooks import SOCKET
    from reconciler.source.receive import load_fleet, updates

    repository = _repository()
    _speak_plainly()
    try:
        _, spec = load_fleet(repository)
    except ReconcilerError as error:
        _say(str(error))
        return 1
    commits = [u.new for u in updates(sys.stdin) if u.ref == f"refs/heads/{spec.branch}" and not u.deletes]
    if not commits:
        return 0
    door = repository / SOCKET
    if not wake(door):
        _say("the reconciler isn't running here; the push is kept, and `reconciler serve` will deploy it")
        return 0
    options = _push_options()
    for option in options:
        if option != "detach":
            _say(f"the push option {printable(option[:80])} isn't known here; detach is")
    if "detach" in options:
        _say("detached; `reconciler status` shows how it goes")
        return 0
    return follow(door, commits[-1], _say)


def _repository() -> Path:
    return Path(os.environ.get("GIT_DIR", ".")).resolve()


def _push_options() -> list[str]:
    """githooks(5): GIT_PUSH_OPTION_COUNT, GIT_PUSH_OPTION_0, ..."""
    count = os.environ.get("GIT_PUSH_OPTION_COUNT", "0")
    number = min(int(count), MAX_OPTIONS) if count.isdecimal() else 0
    return [os.environ.get(f"GIT_PUSH_OPTION_{i}", "") for i in range(number)]


def _say(line: str) -> None:
    """A pusher who has gone (Ctrl-C) ends the hook, not the rollout. What wasn't found good by then isn't
    taken: Git may well read how the hook ended.
    """
    try:
        sys.stdout.write(f"{printable_lines(line, None)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(1) from None


def _speak_plainly() -> None:
    """Names of refs and files are bytes: what isn't text here is written out."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
