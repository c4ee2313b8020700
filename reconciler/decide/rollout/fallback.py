"""Which version serves when the newest has failed, and which one lost pods are restored from."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.version import Version, stable_version
from reconciler.model.meta import Key


def older_version(turn: Pass, owner: Key, wanted_hash: str) -> Version | None:
    """The version that last converged, from its own revision; None if that isn't known (any more).

    Its pods' records wouldn't do: a label says what is there, never what is allowed.
    """
    stable = turn.desired.stable.get(owner)
    if stable is None or stable.template_hash == wanted_hash:
        return None
    return stable_version(owner, stable)
