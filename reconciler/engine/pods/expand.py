"""`$(VAR)` in commands, arguments and environment values. Pure.

Source of the rule: Kubernetes, third_party/forked/golang/expansion. `$(NAME)` is replaced when NAME is known
and left as it is otherwise; `$$` is one `$`, so `$$(NAME)` is the text `$(NAME)`. There is no nesting, no
default value, and what was inserted is not expanded again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))", re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with every known reference replaced."""

    def replacement(found: re.Match[str]) -> str:
        name = found[1]
        return "$" if name is None else variables.get(name, found[0])

    return _REFERENCE.sub(replacement, text)


def expand_all(words: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """A command or an argument list, word by word."""
    return [expand(word, variables) for word in words]
