"""Keeps the pure tests pure: one that starts a program must be marked `programs` (or `fleet`)."""

from __future__ import annotations

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
