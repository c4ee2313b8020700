"""The one way from a verb to the terminal. Whatever was told by nodes, pushers and registries can't steer it.

Looks are our own: they are given with `styled`, never found in a text.
"""

from __future__ import annotations

from typing import Any

import click

from reconciler.printable import printable_json, printable_lines


class Styled(str):
    """A text that is printable already, and has its looks."""

    __slots__ = ()


def styled(text: str, **looks: Any) -> Styled:
    """`looks` as `click.style` has them."""
    return Styled(click.style(printable_lines(text, None), **looks))


def echo(*parts: object, err: bool = False, nl: bool = True) -> None:
    """Print them side by side, of any length."""
    shown = (p if isinstance(p, Styled) else printable_lines(str(p), None) for p in parts)
    click.echo("".join(shown), err=err, nl=nl)


def echo_json(value: object, *, indent: int = 0) -> None:
    """As msgspec encodes it; a text is JSON already."""
    import msgspec

    text = value if isinstance(value, str) else _encoded(value)
    if indent:
        text = msgspec.json.format(text, indent=indent)
    click.echo(printable_json(text))


def _encoded(value: object) -> str:
    import msgspec

    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # the name of a file needn't be text; json writes its bytes out
        import json

        return json.dumps(msgspec.to_builtins(value, str_keys=True))
