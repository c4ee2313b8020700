"""Which objects are delivered step by step, and which one of them a person means. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import UsageError
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.rollout import Rollout, RolloutStrategy

KINDS = {
    **dict.fromkeys(("rollout", "rollouts", "ro"), "Rollout"),
    **dict.fromkeys(("deployment", "deployments", "deploy"), "Deployment"),
}
"""What may stand before the slash, as kubectl takes it."""

REMEDY = "a Deployment is delivered step by step with the annotation reconciler.io/strategy, a Rollout always"


def strategy_of(desired: Desired, key: Key) -> RolloutStrategy | None:
    """None for what isn't delivered step by step."""
    wanted = desired.workloads.get(key)
    return wanted.spec.strategy if isinstance(wanted, Rollout) else desired.strategies.get(key)


def delivered(desired: Desired) -> tuple[Key, ...]:
    """In order."""
    return tuple(key for key in desired.workloads if strategy_of(desired, key) is not None)


def find(known: Iterable[Key], name: str, namespace: str | None) -> Key:
    """`rollout/web`, `deployment/web` or `web`, in a namespace or in all.

    Raises `UsageError` when none is called so, or several are, with what there is.
    """
    every = sorted(known)
    kind, slash, plain = name.rpartition("/")
    if slash and kind.lower() not in KINDS:
        raise UsageError(
            f'"{kind}" is no kind that is delivered step by step',
            where=name,
            remedy=f"write rollout/{plain}, deployment/{plain} or {plain}",
        )
    found = [
        key
        for key in every
        if key.name == plain
        and (not slash or key.kind == KINDS[kind.lower()])
        and namespace in (None, key.namespace)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        remedy = "say which one, such as " + _such_as(
            found[0], several_kinds=len({k.kind for k in found}) > 1
        )
        raise UsageError(f"{_list(found)} are all called so", where=name, remedy=remedy)
    place = f" in namespace {namespace}" if namespace is not None else ""
    there = f"there is {_list(every)}" if every else "nor is anything else"
    raise UsageError(
        f"nothing of that name is delivered step by step{place}; {there}", where=name, remedy=REMEDY
    )


def _such_as(key: Key, *, several_kinds: bool) -> str:
    named = f"{key.kind.lower()}/{key.name}" if several_kinds else key.name
    return f"`{named} -n {key.namespace}`"


def _list(keys: list[Key]) -> str:
    return ", ".join(map(str, keys[:10])) + (f" and {len(keys) - 10} more" if len(keys) > 10 else "")
