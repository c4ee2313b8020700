"""Docker's API of one node. Says how to call it; what to call for is said elsewhere.

A thin client of our own for the calls that are made all the time: docker-py costs 0.2 s to import
and a `docker system dial-stdio` process per connection (docs/libraries.md).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from math import inf
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from reconciler.bounded import TooLong, left
from reconciler.engine.connection.answers import UNREADABLE, ExecState, Made, complaint, decoder
from reconciler.engine.connection.connect import CONNECT_TIMEOUT, open_link
from reconciler.engine.connection.failures import broken, refusal, unreadable
from reconciler.engine.connection.frames import both_outputs
from reconciler.engine.connection.http import BROKEN, Body, Limits, whole
from reconciler.engine.connection.lines import split_lines
from reconciler.engine.connection.link import Link, Stream
from reconciler.engine.connection.pool import Pool
from reconciler.errors import CallTimeout, CommandTimeout, EngineError, NodeUnreachable
from reconciler.model.fleet import NodeSpec

CALL_TIMEOUT = 30.0
ANSWER_SECONDS = 5.0
"""For the Engine to say that it is there, when one call had no answer."""
OLDEST, NEWEST = (1, 41), (1, 51)
"""Docker 20.10's API, and the newest that this client was written for; the Engine may offer less."""
MOST_ANSWER = 4 << 20
"""Bytes of one whole answer."""
MOST_LISTING = 32 << 20
"""Bytes of a listing: one of some thousand containers has 20 MB."""
MOST_COMMAS = 1 << 20
"""In one answer, as many as it has values: each is some 100 bytes of memory, however short it was written."""
MOST_REFUSAL = 1 << 16
"""Bytes of a refusal's words that are read."""
MOST_STREAM = 1 << 30
"""Bytes of an answer that comes bit by bit, and of which nothing is kept: a pull's progress."""
LONGEST_ANSWER = 300.0
"""Seconds that a whole answer may take, however steadily it comes."""
_POLL = 0.002
_PING = "/_ping"

Params = Mapping[str, Any]
T = TypeVar("T")


class Engine:
    """Thread-safe. Every failure is an `errors.NodeError`.

    Paths have no version in front (`/containers/json`). Times out after `timeout` seconds without a sign of
    life: that is a `CallTimeout` if the Engine answers anything else then, and `NodeUnreachable` if not.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.node = link.node
        self._pool = Pool(link)
        self._version: str = ""
        self._podman = False
        self._negotiating = threading.Lock()

    @property
    def alive(self) -> bool:
        return self.link.alive

    @property
    def api_version(self) -> str:
        """Such as `1.41`: what both sides speak. Asked for once."""
        with self._negotiating:
            if not self._version:
                self._version = self._negotiate()
        return self._version

    @property
    def is_podman(self) -> bool:
        """Podman speaks Docker's API; where it differs, this tells."""
        return bool(self.api_version) and self._podman

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params | None = None,
        timeout: float = CALL_TIMEOUT,
        listing: bool = False,
    ) -> Any:
        """JSON in, JSON out; None for an empty answer."""
        return self._called(Any, method, path, body, params, timeout, listing)

    def ask(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params | None = None,
        timeout: float = CALL_TIMEOUT,
        listing: bool = False,
    ) -> T:
        """`call`, its answer checked: one that isn't of this type (see `answers`) is `AnswerUnreadable`."""
        found: T = self._called(kind, method, path, body, params, timeout, listing)
        return found

    def _called(
        self,
        kind: Any,
        method: str,
        path: str,
        body: Any,
        params: Params | None,
        timeout: float,
        listing: bool,
    ) -> Any:
        data = None if body is None else msgspec.json.encode(body)
        every = {"Content-Type": "application/json"} if data is not None else {}
        most = MOST_LISTING if listing else MOST_ANSWER
        limits = Limits(timeout, max(LONGEST_ANSWER, 2 * timeout), most)
        with self._answer(method, path, self._target(path, params), data, every, limits) as response:
            answer = whole(response, most)
        if (commas := answer.count(b",")) > MOST_COMMAS:
            raise unreadable(self.node, f"{method} {path}", f"{commas} commas; {MOST_COMMAS} are read")
        if kind is Any and not answer.strip():
            return None
        try:
            return decoder(kind).decode(answer)
        except UNREADABLE as error:
            raise unreadable(self.node, f"{method} {path}", complaint(error)) from error

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = CALL_TIMEOUT,
        until: float | None = None,
        most: float = MOST_STREAM,
    ) -> Iterator[Iterator[bytes]]:
        """The answer's bytes as they come, on a connection of its own.

        `body`: bytes or an iterator of bytes as they are, anything else as JSON. `timeout` is for each
        wait; None waits for ever. `until` (`time.monotonic`) ends all of it; `most` bytes may come in all.
        """
        data, kind = _encode(body)
        every = {**kind, **(headers or {})}
        target = self._target(path, params)
        limits = Limits(timeout, inf if until is None else until - monotonic(), most)
        with self._answer(method, path, target, data, every, limits, own=True) as response:
            yield iter(lambda: response.read1(65536), b"")

    def lines(self, kind: type[T], method: str, path: str, **options: Any) -> Iterator[T]:
        """`stream`, one value of this type per line: pull and load progress."""
        with self.stream(method, path, **options) as chunks:
            try:
                yield from map(decoder(kind).decode, split_lines(chunks))
            except UNREADABLE as error:
                raise unreadable(self.node, f"{method} {path}", complaint(error)) from error

    def ping(self, timeout: float = CALL_TIMEOUT) -> int:
        """The node's clock: whole seconds since the epoch. The cheapest way to ask whether it is there."""
        with self._answer("GET", _PING, _PING, None, {}, _brief(timeout), own=self._pool.full) as response:
            whole(response, MOST_REFUSAL)
            date = response.headers.get("Date", "")
        try:
            return int(parsedate_to_datetime(date).timestamp())
        except (ValueError, OverflowError, TypeError) as error:
            raise unreadable(self.node, "GET /_ping", "its header Date isn't a date") from error

    def upload(self, container: str, directory: str, tar: Body, *, timeout: float = 120.0) -> None:
        """Unpack a tar archive into `directory` of a container, running or not."""
        with self.stream(
            "PUT",
            f"/containers/{container}/archive",
            params={"path": directory},
            body=tar,
            headers={"Content-Type": "application/x-tar"},
            timeout=timeout,
        ) as answer:
            for _ in answer:
                pass

    def exec(
        self, container: str, command: Iterable[str], timeout: float = CALL_TIMEOUT
    ) -> tuple[int, bytes]:
        """Run a command in a container: its exit code and what it wrote to both outputs.

        After `timeout` seconds `CommandTimeout`; the command may go on running.
        """
        try:
            return self._exec(container, command, monotonic() + timeout)
        except (TimeoutError, CallTimeout) as error:
            words = f"the command didn't end within {timeout:g} s"
            raise CommandTimeout(words, node=self.node) from error

    def _exec(self, container: str, command: Iterable[str], end: float) -> tuple[int, bytes]:
        wish = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        made = self.ask(Made, "POST", f"/containers/{container}/exec", body=wish, timeout=left(end))
        path = f"/exec/{made['Id']}"
        how = {"Detach": False, "Tty": False}
        with self.stream("POST", f"{path}/start", body=how, timeout=left(end), until=end) as raw:
            output = both_outputs(raw)
        while (found := self.ask(ExecState, "GET", f"{path}/json", timeout=left(end)))["Running"]:
            sleep(_POLL)
        return found.get("ExitCode") or 0, output

    def dial(self, host: str, port: int, timeout: float) -> Stream:
        """A TCP connection from the node to `host:port`.

        What the other side does is told by `ConnectionError` and `TimeoutError`; `NodeUnreachable` is
        for the node itself.
        """
        return self.link.dial(host, port, timeout)

    def run(self, command: str, timeout: float = CALL_TIMEOUT) -> tuple[int, bytes]:
        """A shell command on the node itself."""
        return self.link.run(command, timeout)

    def close(self, why: str = "the connection was closed") -> None:
        """Whoever waits for an answer is told that it won't come."""
        self._pool.close(why)
        self.link.close()

    def _target(self, path: str, params: Params | None) -> str:
        query = f"?{urlencode({k: _word(v) for k, v in params.items()})}" if params else ""
        return f"/v{self.api_version}{path}{query}"

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        target: str,
        body: Body,
        headers: Mapping[str, str],
        limits: Limits,
        *,
        own: bool = False,
    ) -> Iterator[HTTPResponse]:
        """The response to one request, refusals and broken connections turned into errors."""
        try:
            with self._pool.ask(method, target, body, headers, limits, own=own) as response:
                if response.status >= 400:
                    raise refusal(
                        self.node, method, path, response.status, _message(response.read(MOST_REFUSAL))
                    )
                yield response
        except TooLong as error:
            raise unreadable(self.node, f"{method} {path}", str(error)) from error
        except BROKEN as error:
            doing = f"{method} {path}"
            if isinstance(error, TimeoutError) and path != _PING and self._answers():
                raise CallTimeout(f"no answer in time to {doing}", node=self.node) from error
            raise broken(self.node, doing, error) from error

    def _answers(self) -> bool:
        """Whether it says anything at all, on a connection that no other call can hold up."""
        try:
            with self._pool.ask("GET", _PING, None, {}, _brief(ANSWER_SECONDS), own=True) as response:
                return bool(whole(response, MOST_REFUSAL))
        except (*BROKEN, NodeUnreachable):
            return False

    def _negotiate(self) -> str:
        with self._answer("GET", _PING, _PING, None, {}, _brief(CALL_TIMEOUT)) as response:
            whole(response, MOST_REFUSAL)
            offered = response.headers.get("Api-Version", "")[:20]
            self._podman = "Libpod-Api-Version" in response.headers
        try:
            version = tuple(int(n) for n in offered.split("."))
        except ValueError:
            raise NodeUnreachable("what answers at the socket is no Docker Engine", node=self.node) from None
        if version < OLDEST:
            raise EngineError(
                f"its Docker Engine is too old: API {offered}, needed 1.41",
                node=self.node,
                remedy="install Docker 20.10 or later on the node",
            )
        return ".".join(str(n) for n in min(version, NEWEST))


def _brief(timeout: float) -> Limits:
    """For the question whether it is there at all."""
    return Limits(timeout, max(LONGEST_ANSWER, timeout), MOST_REFUSAL, brief=True)


def _encode(body: Any) -> tuple[Body, dict[str, str]]:
    if body is None or isinstance(body, bytes):
        return body, {}
    if isinstance(body, Iterable) and not isinstance(body, dict | list | tuple | str):
        return body, {}
    return msgspec.json.encode(body), {"Content-Type": "application/json"}


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else str(value)


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["message"])
    except (*UNREADABLE, KeyError, TypeError):
        return body.decode(errors="replace")


def connect(spec: NodeSpec, timeout: float = CONNECT_TIMEOUT) -> Engine:
    """The Engine of a node. Raises `NodeUnreachable` (`HostKeyRefused`, `LoginRefused`), `InventoryError`."""
    return Engine(open_link(spec, timeout))
