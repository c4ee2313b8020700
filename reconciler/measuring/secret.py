"""Secrets' values go into a metric here, just before it is measured, and out of all that comes of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from reconciler.decide.analysis.arguments import replaced
from reconciler.errors import MeasurementError
from reconciler.model.analysis import Argument, BasicAuth, Metric
from reconciler.model.config import Secret
from reconciler.model.container import SecretKeySelector
from reconciler.model.desired import Contents
from reconciler.model.meta import Key

HIDDEN = "*****"


def with_secrets(
    metric: Metric, args: Iterable[Argument], contents: Contents, namespace: str
) -> tuple[Metric, tuple[str, ...]]:
    """The metric as it is to be measured, and the values that must never be shown.

    Raises `MeasurementError`, which names the Secret and the key that aren't there.
    """
    values: dict[str, str] = {}
    for argument in args:
        source = argument.value_from
        if source is not None and source.secret_key_ref is not None:
            values[argument.name] = _value(argument.name, source.secret_key_ref, contents, namespace)
    if not values:
        return metric, ()
    whole = replaced(metric, values.get)
    return whole, tuple(v for v in (*values.values(), *_logins(metric, whole)) if v)


def encoded(login: BasicAuth) -> str:
    """As it is sent (RFC 7617)."""
    return b64encode(f"{login.username}:{login.password}".encode()).decode()


def _logins(before: Metric, after: Metric) -> Iterator[str]:
    """What a server that echoes its requests would show: anybody can decode it."""
    for asks in (after.provider.prometheus, after.provider.web):
        given = asks.authentication if asks is not None else None
        if given is not None and given.basic_auth is not None and before != after:
            yield encoded(given.basic_auth)


def _value(name: str, ref: SecretKeySelector, contents: Contents, namespace: str) -> str:
    found = contents.get(Key("Secret", namespace, ref.name))
    told = f'the argument "{name}"'
    if not isinstance(found, Secret):
        raise MeasurementError(f"{told}: there is no Secret {namespace}/{ref.name}")
    data = found.contents()
    if ref.key not in data:
        raise MeasurementError(f'{told}: Secret {namespace}/{ref.name} has no key "{ref.key}"')
    return data[ref.key].decode(errors="replace").strip("\n")


def hidden(data: Any, secrets: Iterable[str]) -> Any:
    """`data` without any of the values: in texts, also as they stand in a URL."""
    values = sorted({form for s in secrets for form in (s, quote(s), quote_plus(s))}, key=len, reverse=True)
    return _hidden(data, values) if values else data


def _hidden(data: Any, values: list[str]) -> Any:
    if isinstance(data, str):
        for value in values:
            data = data.replace(value, HIDDEN)
        return data
    if isinstance(data, dict):
        return {_hidden(k, values): _hidden(v, values) for k, v in data.items()}
    return [_hidden(x, values) for x in data] if isinstance(data, list) else data
