"""Whether the user that we log in as has a shell that runs commands; `nologin` and `git-shell` don't."""

from __future__ import annotations

from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.ssh import SHELL_REMEDY, shell_words
from reconciler.engine.fitness.report import Check

TIMEOUT = 10.0
_SAID = "reconciler-asks"


def shell(engine: Engine) -> Check:
    """The node's own address, its free memory and disk are asked of the shell; Docker alone does without."""
    code, output = engine.run(f"echo {_SAID}", TIMEOUT)
    if code == 0 and _SAID.encode() in output:
        return Check(name="shell", status="ok", found="it runs commands")
    found = f"the login shell runs no commands{shell_words(output)}"
    return Check(name="shell", status="fail", found=found, remedy=SHELL_REMEDY)
