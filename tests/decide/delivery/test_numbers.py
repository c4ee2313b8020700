"""Numbers of pods for a weight, against a table of those that Argo Rollouts comes to."""

from __future__ import annotations

import pytest

from reconciler.decide.delivery.scale import nearest

TABLE = """
replicas surge: weight=canary/stable
0  0: 0=0/0 50=0/0 100=0/0
0  1: 0=0/0 50=0/0 100=0/0
1  0: 0=0/1 1=0/1 49=0/1 50=1/0 99=1/0 100=1/0
1  1: 0=0/1 1=1/1 49=1/1 50=1/1 99=1/1 100=1/0
2  0: 0=0/2 1=1/1 50=1/1 99=1/1 100=2/0
2  1: 0=0/2 1=1/2 50=1/1 99=2/1 100=2/0
3  0: 10=1/2 25=1/2 33=1/2 34=1/2 49=1/2 50=2/1
3  1: 10=1/3 25=1/3 33=1/2 34=1/2 49=2/2 50=2/2
10 0: 1=1/9 14=1/9 15=2/8 16=2/8 99=9/1
10 1: 0=0/10 1=1/10 18=2/9 19=2/9 20=2/8 23=2/8 24=3/8 25=3/8 99=10/1 100=10/0
"""


def _rows() -> list[tuple[int, int, int, tuple[int, int]]]:
    found = []
    for line in TABLE.strip().splitlines()[1:]:
        head, _, cells = line.partition(":")
        replicas, surge = map(int, head.split())
        for cell in cells.split():
            weight, _, pair = cell.partition("=")
            canary, _, stable = pair.partition("/")
            found.append((replicas, surge, int(weight), (int(canary), int(stable))))
    return found


@pytest.mark.parametrize(("replicas", "surge", "weight", "pods"), _rows())
def test_the_nearest_ratio(replicas: int, surge: int, weight: int, pods: tuple[int, int]) -> None:
    assert nearest(replicas, weight, 100, surge) == pods
    assert nearest(replicas, weight * 10, 1000, surge) == pods
