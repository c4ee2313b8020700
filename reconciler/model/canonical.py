"""One spelling for all pod specs of one meaning: what a change of nothing doesn't change.

Sources: Kubernetes' defaults (core/v1 SetDefaults_*), resource.Quantity, and what the engine room makes of a
field: an order that nothing depends on is no order here. Whoever writes a default, `1000m` for `1`, or the
volumes in another order, wants the same pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from msgspec import NODEFAULT, structs

from reconciler.model.container import Container
from reconciler.model.pod import PodSpec
from reconciler.model.quantity import parse_quantity

Plain = dict[str, Any]

MEANS_SOMETHING = frozenset({"emptyDir", "projected", "downwardAPI", "labelSelector", "namespaceSelector"})
"""Fields whose empty value differs from leaving them out."""
_AMOUNTS = ("requests", "limits")
_SETS = frozenset(
    {
        "volumes", "volumeMounts", "ports", "supplementalGroups", "sysctls", "tolerations", "namespaces",
        "topologySpreadConstraints", "matchExpressions", "matchFields", "values", "nodeSelectorTerms",
        "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution",
    }
)  # fmt: skip
"""Lists of which only the members count."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIXES = tuple((f"{letter}i", Decimal(2) ** (10 * (n + 1))) for n, letter in enumerate("KMGTPE")) + tuple(
    (suffix, Decimal(10) ** power) for suffix, power in _DECIMAL.items()
)


def canonical(spec: PodSpec) -> Plain:
    """As JSON's values. Doesn't raise for what a node says is a spec."""
    plain: Plain = _settled(_plain(spec))
    for field, group in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for value, container in zip(plain.get(field, ()), group, strict=True):
            _container(value, container, spec)
    for volume in plain.get("volumes", ()):
        for source in volume.values():
            if isinstance(source, dict):
                _files(source)
    return pruned(plain)  # type: ignore[no-any-return]  # a mapping stays one


def same_meaning(one: msgspec.Struct, other: msgspec.Struct) -> bool:
    """Of two parts of pod specs of one type."""
    return one == other or _settled(_plain(one)) == _settled(_plain(other))


def _plain(value: Any) -> Any:
    """JSON's values without what is written out though it is the default."""
    if isinstance(value, msgspec.Struct):
        found = ((name, getattr(value, field), default) for field, name, default in _fields(type(value)))
        return pruned({name: _plain(one) for name, one, default in found if one != default})
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, object], ...]:
    """Name, JSON's name and default. msgspec leaves a default out only where it is the very same object."""
    return tuple((one.name, one.encode_name, _default(one)) for one in structs.fields(kind))


def _default(field: structs.FieldInfo) -> object:
    return field.default if field.default_factory is NODEFAULT else field.default_factory()


def pruned(value: Any) -> Any:
    """Without empty mappings and lists: `resources: {}` means the same as leaving it out."""
    if isinstance(value, dict):
        inner = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in ({}, []) or key in MEANS_SOMETHING}
    if isinstance(value, list | tuple):
        return [pruned(one) for one in value]
    return value


def _settled(value: Any) -> Any:
    """With amounts and sets in their one spelling."""
    if isinstance(value, list):
        return [_settled(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {key: _settled(one) for key, one in value.items()}
    for key, one in out.items():
        if key in _SETS and isinstance(one, list):
            out[key] = _as_set(one)
        elif key in _AMOUNTS and isinstance(one, dict):
            out[key] = {name: amount(given) for name, given in one.items()}
        elif key in ("sizeLimit", "divisor"):
            out[key] = amount(one)
    if out.get("divisor") in ("0", "1"):
        del out["divisor"]
    return out


def _container(value: Plain, container: Container, spec: PodSpec) -> None:
    """In place: fields whose default depends on others."""
    need = value.get("resources", {})
    limits = need.get("limits", {})
    if "requests" in need:
        need["requests"] = {k: v for k, v in need["requests"].items() if limits.get(k) != v}
    plain_policy = msgspec.structs.replace(container, image_pull_policy=None).pull_policy
    if value.get("imagePullPolicy") == plain_policy:
        del value["imagePullPolicy"]
    for port in value.get("ports", ()) if spec.host_network else ():
        if port.get("hostPort") == port["containerPort"]:
            del port["hostPort"]
    capabilities = value.get("securityContext", {}).get("capabilities", {})
    for side, names in capabilities.items():
        capabilities[side] = _as_set(name.upper().removeprefix("CAP_") for name in names)
    for where in (value, value.get("lifecycle", {})):
        for handler in where.values():
            if isinstance(handler, dict) and "path" in (action := handler.get("httpGet", {})):
                action["path"] = "/" + action["path"].removeprefix("/")
                if action["path"] == "/":
                    del action["path"]


def _files(source: Plain) -> None:
    """In place: a file's mode is its volume's."""
    mode = source.get("defaultMode", 0o644)
    for part in (source, *(one for each in source.get("sources", ()) for one in each.values())):
        for item in part.get("items", ()):
            if item.get("mode") == mode:
                del item["mode"]


def _as_set(members: Iterable[Any]) -> list[Any]:
    """In order; a word twice is the same word, but a preference twice is two."""
    ordered = sorted(members, key=_text)
    return [
        one
        for one, before in zip(ordered, [None, *ordered], strict=False)
        if one != before or type(one) is dict
    ]


_text: Callable[[Any], bytes] = msgspec.json.Encoder(order="deterministic").encode


def amount(given: str | float) -> str:
    """The shortest way to write a quantity: `1` for `1000m` and 1.0, `1Gi` for `1024Mi`."""
    try:
        value = parse_quantity(given)
        ways = [f"{int(value / size)}{suffix}" for suffix, size in _SUFFIXES if value % size == 0]
    except (ValueError, ArithmeticError):
        return str(given)
    return min(ways, key=len, default=str(given))
