"""What orders look like on their way through the Unix socket, and who gives them."""

from __future__ import annotations

import os
import pwd

from reconciler.model.base import Told, Value
from reconciler.model.delivery import Verb
from reconciler.model.meta import Key

PATIENCE_S = 30.0
"""How long a pass may be in coming: longer than the first one waits for its nodes."""


class Asked(Value):
    """The body of an order."""

    about: Key
    verb: Verb


class Given(Told):
    """What an order came to."""

    words: str


class Trouble(Told):
    """Why an order can't be carried out, and what to do."""

    message: str
    where: str = ""
    remedy: str = ""


def user_at_machine(uid: int) -> str:
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid-{uid}"  # a user of a container, or of a directory that doesn't answer
    return f"{user}@{os.uname().nodename}"
