"""An Engine that says a great deal, or in other forms than an Engine's: none of it costs much memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.engine.connection import client
from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.observing import watch
from reconciler.engine.observing.watch import paced
from reconciler.engine.pods import helper, image, owned
from reconciler.engine.real import MOST_STALE, RealNode
from reconciler.errors import AnswerUnreadable, NodeUnreachable
from reconciler.model.fleet import NodeSpec
from tests.engine.fake_engine import answer, fake_engine
from tests.engine.test_forged_answers import Site, site

__all__ = ["site"]


@pytest.fixture
def saying(tmp_path: Path) -> Iterator[Callable[[bytes], Engine]]:
    with fake_engine(tmp_path / "s", lambda _: None) as fake:
        engine = connect(NodeSpec(name="pi-1", address=f"unix://{fake.path}"))

        def say(body: bytes) -> Engine:
            fake.say = lambda _: answer(body)
            return engine

        yield say
        engine.close()


def test_many_short_values_are_not_read(saying: Callable[[bytes], Engine]) -> None:
    """A value of two bytes in an answer is a hundred in memory."""
    engine = saying(b"[" + b"1," * client.MOST_COMMAS + b"1,1]")
    with pytest.raises(AnswerUnreadable, match="1048577 commas; 1048576 are read"):
        engine.call("GET", "/networks")
    with pytest.raises(AnswerUnreadable, match="commas"):
        owned.list_containers(engine, "home")


def test_one_answer_is_shorter_than_a_listing(saying: Callable[[bytes], Engine]) -> None:
    engine = saying(b'["' + b"x" * client.MOST_ANSWER + b'"]')
    with pytest.raises(AnswerUnreadable, match="4194308 bytes; 4194304 are read"):
        engine.call("GET", "/info")
    assert len(engine.call("GET", "/images/json", listing=True)[0]) == client.MOST_ANSWER


@pytest.mark.parametrize(
    "length", ["4194305", "99999999999", "9" * 40, "chunk fffffffff", "chunk " + "f" * 40]
)
def test_an_answer_that_says_to_be_very_long_takes_no_memory(tmp_path: Path, length: str) -> None:
    head, body = f"Content-Length: {length}", b"[" + b" " * client.MOST_ANSWER
    if length.startswith("chunk"):
        head, body = "Transfer-Encoding: chunked", length.partition(" ")[2].encode() + b"\r\n" + body
    with fake_engine(tmp_path / "s", lambda _: f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body) as fake:
        engine = connect(NodeSpec(name="pi-1", address=f"unix://{fake.path}"))
        with pytest.raises(AnswerUnreadable, match="GET /info can't be read"):
            engine.call("GET", "/info")
        engine.close()


def test_a_chunk_of_less_than_nothing_is_a_broken_answer(tmp_path: Path) -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"
    with fake_engine(tmp_path / "s", lambda _: said) as fake:
        engine = connect(NodeSpec(name="pi-1", address=f"unix://{fake.path}"))
        with pytest.raises(NodeUnreachable):
            engine.call("GET", "/info")
        engine.close()


@pytest.mark.parametrize("said", [b"[]", b'{"error": 5}', b'{"error": {"a": 1}}', b"7", b'"error"'])
def test_a_pull_that_tells_of_its_progress_in_other_forms(
    saying: Callable[[bytes], Engine], said: bytes
) -> None:
    with pytest.raises(AnswerUnreadable, match="POST /images/create can't be read"):
        image.pull(saying(said), "web:v1")


@pytest.mark.parametrize("said", [b"", b"{}", b'{"StatusCode": "0"}'])
def test_a_container_whose_end_is_told_in_other_forms(saying: Callable[[bytes], Engine], said: bytes) -> None:
    with pytest.raises(AnswerUnreadable, match="POST /containers/c/wait can't be read"):
        helper.run(saying(said), "c", 5.0)


def test_events_without_end_are_read_at_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = 100.0, list[float]()

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    monkeypatch.setattr(watch, "monotonic", lambda: now)
    monkeypatch.setattr(watch.time, "sleep", sleep)
    for _ in paced(iter([b"{}"] * (3 * watch.MOST_EVENTS))):
        now += 0.0001
    assert [round(seconds, 3) for seconds in slept] == [0.9, 0.9]


def test_what_events_name_is_kept_until_the_next_listing_up_to_a_bound(site: Site) -> None:
    node: RealNode = site.node
    node.refresh()
    seen = len(site.fake.requests)
    for number in range(3 * MOST_STALE):
        node.stale(f"c{number}")
    assert len(node._stale) == MOST_STALE
    node.relist(full=False)
    assert not node._stale
    assert any(request.endswith("/info") for request in site.fake.requests[seen:]), "all is asked anew"
