"""One line a record, for people or for programs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from reconciler.record.logs import setup_logging

LOG = logging.getLogger("reconciler.loop.cycle")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("reconciler")
    handlers, levels = list(root.handlers), (root.level, own.level, logging.getLogger("paramiko").level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    logging.getLogger("paramiko").setLevel(levels[2])


def written(format_: Literal["text", "json"], level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    setup_logging(format_, level, stream)
    return stream


def test_text_has_time_level_room_and_context() -> None:
    stream = written("text")
    LOG.info("pass finished", extra={"context": {"seconds": 0.0123, "why": "a commit", "steps": 3}})
    line = stream.getvalue()
    assert line.endswith(' info loop.cycle: pass finished  seconds=0.012 why="a commit" steps=3\n')
    assert line[10] == "T"
    assert line[23] == "Z"


def test_json_has_the_context_as_keys() -> None:
    stream = written("json")
    LOG.warning("no %s", "route", extra={"context": {"node": "pi-1", "message": "never over the real one"}})
    told = json.loads(stream.getvalue())
    assert (told["level"], told["message"], told["node"]) == ("warning", "no route", "pi-1")
    assert told["logger"] == "reconciler.loop.cycle"


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_record_of_several_lines_stays_one_record(format_: Literal["text", "json"]) -> None:
    stream = written(format_)
    LOG.error("first\nsecond")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 if format_ == "json" else lines[1].startswith("  ")


def test_a_bug_has_its_traceback() -> None:
    stream = written("json")
    try:
        raise ValueError("oh")
    except ValueError:
        LOG.exception("a bug")
    assert "ValueError: oh" in json.loads(stream.getvalue())["exception"]


def test_levels() -> None:
    stream = written("text", "warning")
    LOG.info("quiet")
    logging.getLogger("some.library").info("quiet")
    logging.getLogger("some.library").warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_set_up_twice_writes_once() -> None:
    written("text")
    stream = written("text")
    LOG.info("x")
    assert stream.getvalue().count(": x") == 1
