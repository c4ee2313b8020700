"""Tests that start programs are marked `programs`, with the names of those that not every machine has.

Without one of these they skip and say so; with RECONCILER_LAB=required a skip is a failure. A test that isn't
marked and starts a program fails: that keeps the pure ones pure, and quick.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

MARKS = ("programs", "fleet")


class Watch:
    """`pure` is the test that runs, if it may start no program."""

    def __init__(self) -> None:
        self.pure = ""

    def look(self, event: str, args: tuple[object, ...]) -> None:
        if event == "subprocess.Popen" and self.pure:
            raise AssertionError(f"{self.pure} starts {args[0]}: mark it `programs`")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.pure = "" if any(map(item.get_closest_marker, MARKS)) else item.nodeid
        try:
            return (yield)
        finally:
            self.pure = ""


def pytest_configure(config: pytest.Config) -> None:
    watch = Watch()
    sys.addaudithook(watch.look)
    config.pluginmanager.register(watch)


def pytest_runtest_setup(item: pytest.Item) -> None:
    names = [name for mark in item.iter_markers("programs") for name in mark.args]
    if missing := [name for name in names if not shutil.which(name)]:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
