"""The Analyst: each measurement once, no Secret's value in what comes of it, an end that waits for nobody."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from reconciler.measuring import Analyst
from reconciler.model.analysis import Argument, Metric
from reconciler.model.config import Secret
from reconciler.model.desired import Contents
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.model.traffic import Counter
from tests.measuring.server import serving, silent

RUN = Key("AnalysisRun", "default", "run")


def nothing() -> Mapping[str, Sequence[Counter]]:
    return {}


def asking(url: str, number: int = 0, name: str = "rate", token: bool = False, **fields: Any) -> Measure:
    whole = {"name": name, "provider": {"web": {"url": url, **fields}}}
    argument = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
    args = (msgspec.convert(argument, Argument),) if token else ()
    return Measure(run=RUN, metric=msgspec.convert(whole, Metric), number=number, args=args)


def secrets(**data: str) -> Contents:
    whole = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "api", "namespace": "default"}}
    made = msgspec.convert({**whole, "stringData": data}, Secret)
    return {made.key: made}


class Ears:
    """Waits for what an Analyst says."""

    def __init__(self) -> None:
        self.woken = threading.Semaphore(0)
        self.analyst = Analyst(self.woken.release, nothing)

    def next(self) -> Measured:
        assert self.woken.acquire(timeout=60)
        (found,) = self.analyst.ended()
        return found


@pytest.fixture
def ears() -> Iterator[Ears]:
    made = Ears()
    yield made
    made.analyst.close()


def test_a_measurement_comes_back_with_its_name_number_and_value(ears: Ears) -> None:
    with serving({"a": [1.5]}) as server:
        began = time.time()
        ears.analyst.submit([asking(server.url, 7)], {})
        found = ears.next()
    assert (found.run, found.metric, found.number, found.value, found.error) == (
        RUN,
        "rate",
        7,
        '{"a": [1.5]}',
        "",
    )
    assert began - 1 <= found.started_at <= found.finished_at <= time.time() + 1
    assert ears.analyst.idle


def test_what_is_asked_for_in_every_plan_is_begun_once_until_it_was_handed_out(ears: Ears) -> None:
    gate = threading.Event()

    def slow(_: object) -> Any:
        assert gate.wait(60)
        return 200, {}, {}

    with serving(slow) as server:
        for _ in range(3):
            ears.analyst.submit([asking(server.url)], {})
        assert (ears.analyst.ended(), ears.analyst.idle) == ([], False)
        gate.set()
        assert ears.woken.acquire(timeout=60)
        ears.analyst.submit([asking(server.url)], {})
        assert len(ears.analyst.ended()) == 1
        assert len(server.asked) == 1
        ears.analyst.submit([asking(server.url)], {})
        ears.next()
        assert len(server.asked) == 2


def test_one_that_hangs_holds_up_no_other(ears: Ears) -> None:
    with silent() as dead, serving({}) as server:
        hanging = [asking(dead, n, timeoutSeconds=60) for n in range(5)]
        ears.analyst.submit([*hanging, asking(server.url, name="other")], {})
        assert ears.next().metric == "other"
        began = time.monotonic()
        ears.analyst.close()
        assert time.monotonic() - began < 30, "they have a minute"
        ears.analyst.submit([asking(server.url, 99)], {})
        assert len(server.asked) == 1, "after the end nothing is begun"


def test_a_failure_is_an_error_in_words(ears: Ears) -> None:
    with serving({}, 503) as server:
        ears.analyst.submit([asking(server.url)], {})
        assert ears.next().error == "the server answered 503, not with success (2xx)"


def test_numbers_that_json_does_not_have_keep_their_names(ears: Ears) -> None:
    answer = {"resultType": "vector", "result": [{"value": [0, v]} for v in ("NaN", "+Inf", "-Inf")]}
    with serving({"status": "success", "data": answer}) as server:
        provider = {"prometheus": {"address": server.url, "query": "x"}}
        metric = msgspec.convert({"name": "rate", "provider": provider}, Metric)
        ears.analyst.submit([Measure(run=RUN, metric=metric, number=0)], {})
        assert ears.next().value == "[NaN, Infinity, -Infinity]"


def test_our_own_proxies_are_asked() -> None:
    looks = iter([0, 4])

    def read() -> Mapping[str, Sequence[Counter]]:
        return {"a": [Counter(service="default/web", namespace="default", pod="new", requests=next(looks))]}

    woken = threading.Event()
    analyst = Analyst(woken.set, read)
    metric = msgspec.convert({"name": "rate", "provider": {"haproxy": {}}}, Metric)
    analyst.submit([Measure(run=RUN, metric=metric, number=0, canary=("new",), interval=0.05)], {})
    assert woken.wait(60)
    (found,) = analyst.ended()
    assert msgspec.json.decode(found.value)["canary"]["requests"] == 4
    analyst.submit([Measure(run=RUN, metric=metric, number=1)], {})
    deadline = time.monotonic() + 60
    while not (later := analyst.ended()):
        assert time.monotonic() < deadline
        woken.wait(0.01)
    assert later[0].lacking == "there is no pod of the new version yet"
    analyst.close()


def test_a_secret_goes_out_and_never_comes_back(ears: Ears) -> None:
    def echo(asked: Any) -> Any:
        return 200, {}, {"you": f"said {asked.headers['x']}"}

    with serving(echo) as server:
        header = [{"key": "X", "value": "token {{args.token}}"}]
        ears.analyst.submit([asking(server.url, token=True, headers=header)], secrets(token="plain-s3cret\n"))
        found = ears.next()
        assert server.asked[0].headers["x"] == "token plain-s3cret"
    assert "plain-s3cret" not in str(found)
    assert "said token *****" in found.value


@pytest.mark.parametrize(
    "url",
    [
        "http://{{args.token}}/",
        "{{args.token}}://host",
        "http://127.0.0.1:{{args.token}}/",
        "http://127.0.0.1:1/{{args.token}} x",
        "http://127.0.0.1:1/?{{args.token}}",
    ],
)
def test_no_error_shows_a_secret(ears: Ears, url: str) -> None:
    ears.analyst.submit([asking(url, token=True)], secrets(token="s3cret.invalid"))
    found = ears.next()
    assert found.error
    assert "s3cret" not in str(found)


def test_a_host_that_is_a_secret_is_not_shown_in_small_letters(ears: Ears) -> None:
    ears.analyst.submit([asking("http://{{args.token}}/", token=True)], secrets(token="S3cret.invalid"))
    assert ears.next().error.startswith("*****:80: ")


def test_a_secret_is_not_shown_in_part_where_an_error_is_cut(ears: Ears) -> None:
    provider = {"prometheus": {"address": "", "query": "up{{args.token}}"}}
    asked = asking("", token=True)
    for length in range(150, 520, 10):
        with serving({"status": "error", "error": "x" * length + "plain-s3cret and more"}, 400) as server:
            provider["prometheus"]["address"] = server.url
            metric = msgspec.convert({"name": "rate", "provider": provider}, Metric)
            ears.analyst.submit(
                [msgspec.structs.replace(asked, metric=metric)], secrets(token="plain-s3cret")
            )
            error = ears.next().error
        assert error.startswith("Prometheus says: xxx")
        assert "pla" not in error
        assert len(error) <= 500


def test_what_a_server_says_does_not_steer_a_terminal(ears: Ears) -> None:
    metric = {"name": "rate", "provider": {"prometheus": {"address": "", "query": "up"}}}
    with serving({"status": "error", "error": "\x1b[2J \ud800"}, 400) as server:
        metric["provider"]["prometheus"]["address"] = server.url  # type: ignore[index]
        ears.analyst.submit([Measure(run=RUN, metric=msgspec.convert(metric, Metric), number=0)], {})
        assert ears.next().error == r"Prometheus says: \x1b[2J \ud800"


def test_a_password_does_not_come_back_as_it_is_sent(ears: Ears) -> None:
    login = {"basicAuth": {"username": "me", "password": "{{args.token}}"}}
    with serving(lambda asked: (200, {}, asked.headers)) as server:
        ears.analyst.submit(
            [asking(server.url, token=True, authentication=login)], secrets(token="plain-s3cret")
        )
        found = ears.next().value
    sent = b64encode(b"me:plain-s3cret").decode()
    assert server.asked[0].headers["authorization"] == f"Basic {sent}"
    assert '"Basic *****"' in found


@pytest.mark.parametrize("said", [b'"\\ud800 is half"', b'{"\\udfff is half": [1]}'])
def test_what_is_no_text_does_not_come_out(ears: Ears, said: bytes) -> None:
    """It could be neither written to the record nor answered: the loop would end of it."""
    with serving(said) as server:
        ears.analyst.submit([asking(server.url)], {})
        found = ears.next()
    assert "? is half" in found.value
    assert msgspec.json.decode(msgspec.json.encode(found), type=Measured) == found


def test_a_redirect_to_a_place_with_the_secret_in_it_is_not_told(ears: Ears) -> None:
    def away(_: object) -> Any:
        return 302, {"Location": "http://s3cret.invalid:1/"}, {}

    with serving(away) as server:
        ears.analyst.submit(
            [asking(f"{server.url}/?t={{{{args.token}}}}", token=True)], secrets(token="s3cret.invalid")
        )
        found = ears.next()
    assert found.error
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({}, 'the argument "token": there is no Secret default/api'),
        (secrets(other="x"), 'the argument "token": Secret default/api has no key "token"'),
    ],
)
def test_a_secret_that_is_missing_is_named(ears: Ears, contents: Contents, said: str) -> None:
    ears.analyst.submit([asking("http://127.0.0.1:1/{{args.token}}", token=True)], contents)
    assert ears.next().error == said


def test_a_bug_of_ours_ends_as_an_error_without_its_text() -> None:
    def read() -> Mapping[str, Sequence[Counter]]:
        raise RuntimeError("s3cret")

    woken = threading.Event()
    analyst = Analyst(woken.set, read)
    metric = msgspec.convert({"name": "rate", "provider": {"haproxy": {}}}, Metric)
    analyst.submit([Measure(run=RUN, metric=metric, number=0, canary=("new",))], {})
    assert woken.wait(60)
    assert analyst.ended()[0].error == "InternalError: RuntimeError"
    analyst.close()
