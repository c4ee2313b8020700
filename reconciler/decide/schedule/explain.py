"""One sentence that says, node by node, why a pod has no place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from reconciler.model.base import Value
from reconciler.model.quantity import human_bytes, human_cpu

_SHOW: dict[str, Callable[[int], str]] = {"bytes": human_bytes, "cpu": human_cpu, "count": str, "": str}


class Obstacle(Value):
    """Why one node can't take a pod: the end of "3 ...". `want` and `free` for what can be measured."""

    text: str
    want: str = ""
    free: int = 0
    unit: str = ""


def explain(obstacles: Mapping[str, Obstacle]) -> str:
    """Node -> obstacle as `0/5 nodes fit: 3 lack memory (want 512Mi, most free 300Mi), 2 cordoned`."""
    if not obstacles:
        return "there are no nodes"
    groups: dict[tuple[str, str], list[Obstacle]] = {}
    for obstacle in obstacles.values():
        groups.setdefault((obstacle.text, obstacle.want), []).append(obstacle)
    ordered = sorted(groups.values(), key=lambda g: (-len(g), g[0].text))
    return f"0/{len(obstacles)} nodes fit: {', '.join(map(_group, ordered))}"


def _group(same: Iterable[Obstacle]) -> str:
    group = list(same)
    first = group[0]
    if not first.want:
        return f"{len(group)} {first.text}"
    most = _SHOW[first.unit](max(o.free for o in group))
    return f"{len(group)} {first.text} (want {first.want}, most free {most})"
