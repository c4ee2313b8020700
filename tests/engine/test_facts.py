from __future__ import annotations

import msgspec
import pytest

from reconciler.engine.connection.facts import missing_limits, skew, steady
from reconciler.model.observed import NodeFacts


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("2026-11-20T12:00:00.5Z", 0.0),
        ("2026-11-20T12:00:00.500000000Z", 0.0),
        ("2026-11-20T13:00:00.5+01:00", 0.0),
        ("2026-11-20T12:00:11Z", 10.0),
        ("2026-11-20T11:59:50.25Z", -9.75),
        ("", 0.0),
        ("yesterday", 0.0),
    ],
)
def test_the_skew_is_what_the_question_cannot_explain(theirs: str, expected: float) -> None:
    noon = 1795176000.0
    assert skew(theirs, noon, noon + 1) == expected


def test_each_limit_that_the_kernel_lacks_is_said() -> None:
    assert missing_limits({"MemoryLimit": False, "CpuCfsQuota": True}) == (
        "the kernel doesn't offer memory limits",
    )
    assert missing_limits({}) == ()


def test_noise_is_no_change_but_a_change_is() -> None:
    old = NodeFacts(disk_free=10 * 2**30, clock_skew=0.1)
    assert steady(old, msgspec.structs.replace(old, disk_free=10 * 2**30 - 5, clock_skew=0.2)) == old
    fresh = msgspec.structs.replace(old, disk_free=5 * 2**30, clock_skew=9.0)
    assert steady(old, fresh) == fresh
    assert steady(NodeFacts(), old).disk_free == old.disk_free
