"""`$(VAR)` in commands, arguments and environment values. Pure.

Source of the rule: Kubernetes, third_party/forked/golang/expansion. `$(NAME)` is replaced when NAME is known
and left as it is otherwise; `$$` is one `$`, so `$$(NAME)` is the text `$(NAME)`. There is no nesting, no
default value, and what was inserted is not expanded again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from reconciler.engine.pods.unfit import Unfit

MOST = 6 << 20
"""Characters of a program's arguments, or of its environment. Linux takes no more of both (execve(2)), and
what names what came before it ten times, twelve times over, would be more than any memory.
"""
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))", re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with every known reference replaced. Raises `Unfit` where that is longer than `MOST`."""
    size = len(text)

    def replacement(found: re.Match[str]) -> str:
        nonlocal size
        name = found[1]
        value = "$" if name is None else variables.get(name, found[0])
        size += len(value)
        bounded(size)
        return value

    return _REFERENCE.sub(replacement, text)


def expand_all(words: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """A command or an argument list, word by word."""
    found: list[str] = []
    size = 0
    for word in words:
        found.append(expand(word, variables))
        size += len(found[-1])
        bounded(size)
    return found


def bounded(size: int) -> None:
    """Raises `Unfit`."""
    if size > MOST:
        raise Unfit(f"with each $(NAME) replaced it has more than {MOST >> 20} MiB, which no kernel takes")
