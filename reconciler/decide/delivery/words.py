"""What is said of a delivery: why pods come and go, what is waited for, how it stands."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.decide.delivery.canary import pause_of
from reconciler.decide.delivery.green_text import pods
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.scale import targets, wanted_weight
from reconciler.decide.delivery.way import Scene
from reconciler.decide.version import Version
from reconciler.model.delivery import Delivery, Stage
from reconciler.model.duration import human_duration
from reconciler.model.observed import PodRecord
from reconciler.model.rollout import CanaryStep, SetCanaryScale


def step_text(step: CanaryStep) -> str:
    """`setWeight 20`, `pause 10m`, `analysis error-rate`."""
    if step.set_weight is not None:
        return f"setWeight {step.set_weight}"
    if step.pause is not None:
        length = pause_of(step)
        return "pause until promoted" if length is None else f"pause {human_duration(length)}"
    if step.analysis is not None:
        return f"analysis {', '.join(t.template_name for t in step.analysis.templates)}"
    if (route := step.set_header_route) is not None:
        return f"setHeaderRoute {route.name}" + ("" if route.match else " (ends)")
    if step.set_canary_scale is not None:
        return f"setCanaryScale {_scale_text(step.set_canary_scale)}"
    return "replicaProgressThreshold"


def _scale_text(scale: SetCanaryScale) -> str:
    if scale.replicas is not None:
        return pods(scale.replicas)
    return f"{scale.weight}%" if scale.weight is not None else "as the weight"


def standing_text(scene: Scene) -> str:
    """Where it is, in one line."""
    way, state, recipe = scene.way, scene.state, scene.recipe
    if scene.recipe.paused:
        return "spec.paused is true"
    if way.holds:
        return "; ".join(_hold_text(scene, h.reason, h.message) for h in way.holds)
    crowd = scene.sight.of(state.template_hash)
    available = f"{crowd.available} of {recipe.replicas} pods"
    texts: dict[Stage, str] = {
        "first": f"first version: {available} available",
        "stepping": f"step {way.step + 1} of {len(recipe.steps)}: {_at_step(scene)}",
        "finishing": f"{available} of {state.template_hash} available",
        "preview": f"{state.template_hash} is previewed: {crowd.available} of {crowd.count} pods available",
        "switched": f"{state.template_hash} is active and is being judged",
        "aborted": state.message,
        "done": "",
    }
    return "; ".join(filter(None, (texts[way.stage], *_hindered(scene))))


def _hindered(scene: Scene) -> Iterator[str]:
    """What the newest version's pods suffer from, and the nodes where nothing can be moved."""
    if scene.way.stage in ("aborted", "done"):
        return
    crowd, silent, said = scene.sight.of(scene.state.template_hash), scene.sight.silent, scene.sight.complaint
    if crowd.available < crowd.count and not said.endswith("isn't ready"):  # the numbers say that already
        yield said
    if silent:
        yield f"{', '.join(silent)} {'does' if len(silent) == 1 else 'do'}n't answer"


def _hold_text(scene: Scene, reason: str, message: str) -> str:
    match reason:
        case "step":
            where = "preview" if scene.recipe.blue_green else f"step {scene.way.step + 1}"
            return f"paused at {where} {message}".rstrip()
        case "order":
            return f"paused {message}"
        case _:
            return message


def _at_step(scene: Scene) -> str:
    way, recipe = scene.way, scene.recipe
    if way.step >= len(recipe.steps):
        return "all steps are done"
    step = recipe.steps[way.step]
    crowd = scene.sight.of(scene.state.template_hash)
    text = step_text(step)
    if step.set_weight is not None or step.set_canary_scale is not None:
        want = targets(scene).get(scene.state.template_hash, 0)
        return f"{text}; {crowd.available} of {pods(want)} of the canary available"
    return text


def why_start(scene: Scene, version: Version, seen: PodRecord | None) -> str:
    """`seen` is a pod of another version that runs."""
    from reconciler.decide.diff import summary

    state, way = scene.state, scene.way
    if version.template_hash == state.template_hash != state.stable_hash:
        what = summary(seen, version) if seen is not None else f"{state.template_hash} is wanted"
        return f"{what}; {_course(way, scene.recipe)}" if way.stage != "first" else what
    if way.stage == "aborted":
        return f"{state.template_hash} was left: {state.message}"
    count = scene.sight.of(version.template_hash).count
    return f"version {version.template_hash} has {count} pods and needs more"


def _course(way: Delivery, recipe: Recipe) -> str:
    if recipe.blue_green is not None:
        return "it is previewed" if way.stage == "preview" else "it is active"
    if way.stage == "finishing":
        return "all steps are done"
    return f"canary at weight {wanted_weight(way, recipe)}"


def why_stop(scene: Scene, version: str) -> str:
    state, way = scene.state, scene.way
    if version == state.template_hash == state.stable_hash or way.stage == "first":
        count, wanted = scene.sight.of(version).count, scene.recipe.replicas
        return f"more pods than wanted: {count} instead of {wanted}"
    if version == state.stable_hash:
        return f"{state.template_hash} takes over"
    if version == state.template_hash and way.stage == "aborted":
        return f"{version} was left: {state.message}"
    if version == state.template_hash:
        return f"the canary needs fewer pods at weight {wanted_weight(way, scene.recipe)}"
    return f"{state.template_hash} has taken the place of {version}"
