"""Orders over real sockets: through the Unix socket only, under the name that the kernel knows."""

from __future__ import annotations

import http.client
import json
import os
import pwd
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from reconciler.api import orders
from reconciler.api.follow import Followers
from reconciler.api.metrics import Metrics
from reconciler.api.order_forms import user_at_machine
from reconciler.api.server import ApiServer
from reconciler.cli.ask import UnixConnection
from reconciler.errors import UsageError
from reconciler.model.delivery import Order
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed
from reconciler.model.progress import Progress
from reconciler.record.deliveries import DeliveryStatus, delivered, deliveries
from reconciler.record.overview import Overview, overview
from tests.record.delivered import NOW, WEB, both_sets, desired, paused, plan, state


class Daemon:
    """Carries out every order with these words, or with this error; None: never."""

    def __init__(self) -> None:
        self.followers, self.metrics = Followers(), Metrics("home")
        self.given: list[Order] = []
        self.answer: str | Exception | None = "paused at step 2"
        self.seen: tuple[DeliveryStatus, ...] | None = self.pictures()

    @staticmethod
    def pictures() -> tuple[DeliveryStatus, ...]:
        progress, wanted = Progress(rollouts={WEB: state(paused())}), desired()
        return deliveries(wanted, both_sets(), progress, plan(progress), NOW, delivered(wanted))

    def overview(self) -> Overview:
        return overview("home", Observed(), NOW)

    def observed(self) -> tuple[NodeState, ...]:
        return ()

    def objects(self) -> dict[str, Any]:
        return {}

    def healthy(self) -> tuple[bool, str]:
        return True, "fine"

    def wake(self) -> None: ...

    def rollouts(self, about: Key | None = None) -> tuple[DeliveryStatus, ...] | None:
        return None if self.seen is None else tuple(s for s in self.seen if about in (None, s.key))

    def order(self, order: Order) -> Future[str]:
        self.given.append(order)
        future: Future[str] = Future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        elif self.answer is not None:
            future.set_result(self.answer)
        return future


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def door(tmp_path: Path) -> Path:
    return tmp_path / "api.sock"


@pytest.fixture
def server(daemon: Daemon, door: Path) -> Iterator[ApiServer]:
    running = ApiServer("127.0.0.1:0", door, daemon)
    running.start()
    yield running
    running.stop()


def call(connection: http.client.HTTPConnection, method: str, path: str, body: str = "") -> tuple[int, Any]:
    connection.request(method, path, body.encode())
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, json.loads(text) if text.startswith(("{", "[")) else text


def order(verb: str = "pause", about: Key = WEB) -> str:
    return json.dumps({"about": list(about), "verb": verb})


def test_an_order_through_the_socket_is_under_the_callers_own_name(
    server: ApiServer, daemon: Daemon, door: Path
) -> None:
    assert server.address
    assert call(UnixConnection(door), "POST", "/orders", order()) == (200, {"words": "paused at step 2"})
    (given,) = daemon.given
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (given.about, given.verb, given.who) == (WEB, "pause", f"{user}@{os.uname().nodename}")


def test_nobody_can_pretend_to_be_somebody_else(server: ApiServer, daemon: Daemon, door: Path) -> None:
    assert server.address
    body = json.dumps({"about": list(WEB), "verb": "abort", "who": "root@elsewhere"})
    assert call(UnixConnection(door), "POST", "/orders", body)[0] == 200
    assert daemon.given[0].who == user_at_machine(os.getuid())


def test_a_user_without_a_name_has_a_number() -> None:
    assert user_at_machine(2**31 - 7).startswith(f"uid-{2**31 - 7}@")


def test_over_tcp_orders_are_refused_with_the_reason(server: ApiServer, daemon: Daemon) -> None:
    status, told = call(http.client.HTTPConnection(server.address or ""), "POST", "/orders", order())
    assert status == 403
    assert "Unix socket only" in told["message"]
    assert "reconciler rollout" in told["remedy"]
    assert daemon.given == []


def test_an_order_that_makes_no_sense_now(server: ApiServer, daemon: Daemon, door: Path) -> None:
    assert server.address
    daemon.answer = UsageError("it isn't paused", where=str(WEB), remedy="`rollout status` shows it")
    status, told = call(UnixConnection(door), "POST", "/orders", order("resume"))
    assert status == 409
    assert told == {
        "message": "it isn't paused",
        "where": "Rollout default/web",
        "remedy": "`rollout status` shows it",
    }


def test_an_unknown_object(server: ApiServer, daemon: Daemon, door: Path) -> None:
    assert server.address
    gone = Key("Rollout", "default", "gone")
    status, told = call(UnixConnection(door), "POST", "/orders", order(about=gone))
    assert (status, told["where"]) == (404, "Rollout default/gone")
    assert daemon.given == []


@pytest.mark.parametrize(
    "body", ["", "{}", '{"about": ["a"], "verb": "pause"}', order("explode"), '{"verb": "pause"}']
)
def test_what_is_no_order(server: ApiServer, daemon: Daemon, door: Path, body: str) -> None:
    assert server.address
    status, told = call(UnixConnection(door), "POST", "/orders", body)
    assert status == 400
    assert "that is no order" in told["message"]
    assert daemon.given == []


def test_before_the_first_revision(server: ApiServer, daemon: Daemon, door: Path) -> None:
    assert server.address
    daemon.seen = None
    for method, path in (("POST", "/orders"), ("GET", "/rollouts"), ("GET", "/rollouts/Rollout/default/web")):
        status, told = call(UnixConnection(door), method, path, order())
        assert status == 503
        assert "no revision yet" in told["message"]


def test_an_order_that_no_pass_takes_up_is_taken_back(
    server: ApiServer, daemon: Daemon, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.address
    monkeypatch.setattr(orders, "PATIENCE_S", 0.05)
    daemon.answer = None
    pending: list[Future[str]] = []
    give = daemon.order

    def remember(given: Order) -> Future[str]:
        pending.append(give(given))
        return pending[-1]

    monkeypatch.setattr(daemon, "order", remember)
    status, told = call(UnixConnection(door), "POST", "/orders", order())
    assert status == 504
    assert told["where"] == "Rollout default/web"
    assert pending[0].cancelled()


@pytest.mark.parametrize("private", [True, False])
def test_how_deliveries_stand_is_told_at_both_doors(server: ApiServer, door: Path, private: bool) -> None:
    def ask(path: str) -> tuple[int, Any]:
        tcp = http.client.HTTPConnection(server.address or "")
        return call(UnixConnection(door) if private else tcp, "GET", path)

    status, told = ask("/rollouts")
    assert (status, [one["name"] for one in told]) == (200, ["api", "shop", "web"])
    status, web = ask("/rollouts/Rollout/default/web")
    assert (status, web["phase"], web["weight"]) == (200, "Paused", 20)
    assert ask("/rollouts/Rollout/default/gone")[0] == 404
