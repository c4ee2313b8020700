"""The bases of every value: frozen, keyword-only, defaults left out of the JSON."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import msgspec

from reconciler.printable import one_line


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class FrozenMeta(msgspec.StructMeta):
    """msgspec inherits every option but `kw_only`; this makes it, too, a property of the family."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **options})


class Model(
    msgspec.Struct,
    metaclass=FrozenMeta,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    """A manifest's value in Kubernetes' JSON form: camelCase keys, unknown keys refused.

    Leaving defaults out keeps a template's digest stable when a later version learns a new field.
    """


class Value(msgspec.Struct, metaclass=FrozenMeta, frozen=True, omit_defaults=True):
    """A value of our own that isn't a manifest: desired, observed, plan, progress."""


class Told(Value):
    """A value with texts that others wrote: from its making on they are printable, one line each, bounded."""

    def __post_init__(self) -> None:
        make_printable(self, one_line)


def make_printable(value: msgspec.Struct, how: Callable[[str], str]) -> None:
    """Its own texts and tuples of texts; not what lies deeper, which has a type of its own."""
    for name in value.__struct_fields__:
        found = getattr(value, name)
        shown = found
        if isinstance(found, str):
            shown = how(found)
        elif isinstance(found, tuple) and found and isinstance(found[0], str):
            shown = tuple(how(each) for each in found)
        if shown != found:
            msgspec.structs.force_setattr(value, name, shown)


T = TypeVar("T")
_building = threading.Lock()
_built: set[Any] = set()


def typed(kind: type[T]) -> type[T]:
    """`kind`, ready to be decoded to. Every `decode` and `convert` to a type of ours goes through this.

    msgspec learns a type when it first decodes to it, and 0.22 crashes the interpreter when two threads
    let it learn the same one at the same time.
    """
    if kind not in _built:
        with _building:
            msgspec.json.Decoder(kind)
            _built.add(kind)
    return kind
