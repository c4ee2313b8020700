from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.engine.connection.facts import disk, links, missing_limits, skew, steady
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


class Shell:
    """A node whose `df` says this."""

    def __init__(self, row: str) -> None:
        self.row = row

    def run(self, script: str, seconds: float) -> tuple[int, bytes]:
        return 0, f"Filesystem 1024-blocks Used Available Capacity Mounted on\n{self.row}\n".encode()


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("/dev/sda1 1000 600 400 60% /", (400 * 1024, 1000 * 1024)),
        ("/dev/sda1 1000 1010 -10 100% /", (0, 1000 * 1024)),
        ("/dev/sda1 1000 0 1001 0% /", None),
        (f"/dev/sda1 {'9' * 400} 0 {'9' * 400} 0% /", None),
        (f"/dev/sda1 {'9' * 5000} 0 1 0% /", None),
        ("/dev/sda1 -5 0 1 0% /", None),
        ("df: no file systems processed", None),
    ],
)
def test_a_disk_is_as_large_as_disks_are(row: str, found: tuple[int, int] | None) -> None:
    node: Any = Shell(row)
    assert disk(node, "/var/lib/docker") == found


_SHELL = r"""192.0.2.1 via 10.77.0.1 dev eth0 src 10.77.0.11 uid 0 \    cache
1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 10.77.0.11/24 scope global eth0\       valid_lft forever preferred_lft forever
2: eth0    inet 10.77.0.200/24 scope global secondary eth0\       valid_lft forever preferred_lft forever
3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\       valid_lft forever
4: reconciler0    inet 10.42.1.1/16 brd 10.42.255.255 scope global reconciler0\       valid_lft forever
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue
2: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue
3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue
"""


def test_a_nodes_links_are_those_that_lead_outside() -> None:
    assert links(_SHELL) == ("10.77.0.11", ("10.77.0.11", "10.77.0.200"), 1400)


def test_without_a_route_to_the_outside_the_first_address_counts() -> None:
    assert links(_SHELL.partition("\n")[2]).internal_ip == "10.77.0.11"


def test_a_shell_without_ip_tells_nothing() -> None:
    assert links("sh: ip: not found\n") == ("", (), 0)
