"""Images that go when a node's disk fills up, as a kubelet does it: past a high threshold, down to a low one.

Only images that this fleet pulled there, the ones longest unused first. Never one that a container has, that
is needed by what runs or is to run there, or by a return to a version within the history limit. Source of the
rules: Kubernetes, pkg/kubelet/images/image_gc_manager.go.
"""

from __future__ import annotations

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.survey import NodeView
from reconciler.decide.version import stable_version, wanted_version
from reconciler.model.action import RemoveImages
from reconciler.model.duration import seconds
from reconciler.model.fleet import percent_used
from reconciler.model.image_reference import parse
from reconciler.model.meta import Key
from reconciler.model.observed import HeldImage

_ROLLED_BACK = ("Deployment", "Rollout")
"""Kinds that can return to an older version of theirs."""
NEVER = 100


def remember_images(turn: Pass, key: Key) -> None:
    """What the present version runs goes into the history: later it may be returned to."""
    state = turn.rollouts.get(key)
    if state is None or not state.history or state.history[-1].images:
        return
    version, last = wanted_version(turn.desired, key), state.history[-1]
    if last.template_hash != version.template_hash:
        return
    images = tuple(sorted({c.image for c in version.spec.every_container()}))
    history = (*state.history[:-1], msgspec.structs.replace(last, images=images))
    turn.rollouts[key] = msgspec.structs.replace(state, history=history)


def collect_images(turn: Pass) -> None:
    spec = turn.desired.fleet.spec.images
    if spec.gc_high_threshold_percent >= NEVER:
        return
    for view in turn.survey.views.values():
        facts = view.state.facts
        if view.status != "ready" or not view.state.unused_images or facts.disk_free is None:
            continue
        size = facts.disk_size or 0
        used = percent_used(facts.disk_free, size)
        if used < spec.gc_high_threshold_percent:
            continue
        goal = size * (100 - spec.gc_low_threshold_percent) // 100 - facts.disk_free
        if chosen := _chosen(turn, view, goal, seconds(spec.minimum_gc_age)):
            _remove(turn, view, chosen, used)
        else:
            turn.draft.note(f"the disk of {view.name} is {used} % full, and every image of ours is needed")


def _chosen(turn: Pass, view: NodeView, goal: int, age: float) -> list[HeldImage]:
    """As many as make room for `goal` bytes."""
    # Removing a tag takes digests of the same contents along, so these count as well (`id`).
    needed = {_full(name) for name in _needed(turn)}
    held = [(one, _full(one.name) in needed) for one in view.state.unused_images]
    kept = {one.id for one, is_needed in held if is_needed} - {""}
    free = [
        one
        for one, is_needed in held
        if not is_needed and one.id not in kept and turn.now - one.pulled_at >= age
    ]
    chosen: list[HeldImage] = []
    for one in sorted(free, key=lambda i: (i.used_at, i.pulled_at, i.name)):
        if sum(c.size for c in chosen) >= goal:
            break
        chosen.append(one)
    return chosen


def _full(name: str) -> str:
    """One spelling for the names of one image: an Engine removes it by any."""
    try:
        return str(parse(name))
    except ValueError:
        return name


def _needed(turn: Pass) -> set[str]:
    """Also for pods of other nodes: any of these may become theirs."""
    found: set[str] = set()
    for key, state in turn.rollouts.items():
        past = state.history if key.kind in _ROLLED_BACK else state.history[-1:]
        found.update(image for version in past for image in version.images)
    there = [pod.record.spec for pod in turn.observed.pods()]
    tried = [attempt.record.spec for attempt in turn.attempts.values()]
    returns = [stable_version(key, one).spec for key, one in turn.desired.stable.items()]
    for spec in (*there, *tried, *returns):
        found.update(c.image for c in spec.every_container())
    return found


def _remove(turn: Pass, view: NodeView, chosen: list[HeldImage], used: int) -> None:
    high = turn.desired.fleet.spec.images.gc_high_threshold_percent
    because = f"its disk is {used} % full (gcHighThresholdPercent is {high}), and nothing needs them"
    names = tuple(one.name for one in chosen)
    turn.draft.act(RemoveImages(node=view.name, because=because, owner=None, images=names))
