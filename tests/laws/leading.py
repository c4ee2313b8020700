"""What the services that lead to one version lead to: docs/rollouts.md, "Who gets which traffic"."""

from __future__ import annotations

from reconciler.model.traffic import RoutedService
from tests.laws.look import Look


def check_leading(look: Look, service: RoutedService) -> None:
    """To the version that they are for, and to somebody as long as there is one. Until a first version has
    been promoted others serve, too.
    """
    version = _version(look, service.name)
    if not version:
        return
    ready = [e.name for p in service.ports for e in p.endpoints if e.state == "ready"]
    found = {look.versions.get(name, "others") for name in ready}
    if look.state.stable_hash:
        assert found <= {version}, f"{service.name} leads to {found}, not to {version}\n{look}\n{service}"
    if look.fit[version] or (look.fit.total() and not look.state.stable_hash):
        assert found, f"{service.name} leads to nobody, and {look.fit} are ready\n{look}\n{service}"


def _version(look: Look, name: str) -> str:
    """ "": it leads to several."""
    way, state, recipe = look.way, look.state, look.recipe
    new, stable = state.template_hash, state.stable_hash or state.template_hash
    if recipe.blue_green is not None:
        active = name == recipe.blue_green.active_service and not state.stable_hash
        return new if active or name == recipe.blue_green.preview_service else ""
    if name == recipe.canary.stable_service:
        return stable
    if name != recipe.canary.canary_service:
        return ""
    canary = way.canary_hash if way.stage in ("stepping", "finishing") else ""
    return canary if look.fit[canary] else stable
