"""Prometheus and web services, asked for real: what is sent, what an answer means, what is wrong with it."""

from __future__ import annotations

import math
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from reconciler.errors import MeasurementError
from reconciler.measuring import prometheus, web
from reconciler.measuring.fetch import Reach
from reconciler.model.analysis import PrometheusMetric, WebMetric
from tests.measuring.server import serving

NOW = 1_000_000.0
BASIC = {"basicAuth": {"username": "me", "password": "s3cret"}}
BASIC_HEADER = f"Basic {b64encode(b'me:s3cret').decode()}"


def vector(*values: str) -> dict[str, Any]:
    result = [{"metric": {"pod": str(n)}, "value": [NOW, v]} for n, v in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def ask(answer: Any, status: int = 200, **fields: Any) -> tuple[Any, Any]:
    """What Prometheus' answer comes to, and what it was asked."""
    with serving(answer, status) as server:
        whole = {"address": f"{server.url}/", "query": "up", **fields}
        metric = msgspec.convert(whole, PrometheusMetric)
        return prometheus.measure(metric, NOW, Reach()), server.asked[0]


def fails(answer: Any, status: int = 200, **fields: Any) -> str:
    with pytest.raises(MeasurementError) as caught:
        ask(answer, status, **fields)
    return caught.value.line


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (vector("0.95", "1"), [0.95, 1.0]),
        (vector(), []),
        (vector("+Inf", "-Inf"), [math.inf, -math.inf]),
        ({"status": "success", "data": {"resultType": "scalar", "result": [NOW, "3"]}}, 3.0),
        (
            {
                "status": "success",
                "data": {
                    "resultType": "matrix",
                    "result": [{"values": [[1, "1"], [2, "2"]]}, {"values": [[1, "3"]]}],
                },
            },
            [1.0, 2.0, 3.0],
        ),
    ],
)
def test_what_prometheus_answers(answer: Any, value: Any) -> None:
    assert ask(answer)[0] == value


def test_a_vector_may_hold_what_is_not_a_number() -> None:
    assert math.isnan(ask(vector("NaN"))[0][0])


def test_what_prometheus_is_asked() -> None:
    headers = [{"key": "X-Scope-OrgID", "value": "team"}]
    _, asked = ask(vector("1"), query='sum(rate(x{a="b"}[5m])) > 0', headers=headers, authentication=BASIC)
    place = urlsplit(asked.path)
    assert (place.path, parse_qs(place.query)) == (
        "/api/v1/query",
        {"query": ['sum(rate(x{a="b"}[5m])) > 0']},
    )
    assert (asked.headers["x-scope-orgid"], asked.headers["authorization"]) == ("team", BASIC_HEADER)


def test_a_range() -> None:
    asking = {"start": 'now() - duration("5m")', "end": "now()", "step": "30s"}
    _, asked = ask(vector("1"), rangeQuery=asking)
    place = urlsplit(asked.path)
    assert place.path == "/api/v1/query_range"
    assert parse_qs(place.query) == {
        "query": ["up"],
        "start": ["999700.000"],
        "end": ["1000000.000"],
        "step": ["30"],
    }


@pytest.mark.parametrize(
    ("answer", "status", "fields", "said"),
    [
        (
            {"status": "error", "error": "parse error at char 3"},
            400,
            {},
            "Prometheus says: parse error at char 3",
        ),
        (b"no route", 404, {}, "Prometheus answered 404"),
        (b"<html>", 200, {}, "the answer isn't one of Prometheus; does address name it?"),
        ({"data": 5}, 200, {}, "isn't one of Prometheus"),
        ([], 200, {}, "isn't one of Prometheus"),
        ({"data": {"resultType": "string", "result": [1, "x"]}}, 200, {}, 'comes to a "string"'),
        (vector("x"), 200, {}, "isn't one of Prometheus"),
        (
            vector("1"),
            200,
            {"rangeQuery": {"start": "yesterday", "step": "1s"}},
            'rangeQuery.start "yesterday"',
        ),
        (vector("1"), 200, {"rangeQuery": {"start": "now()", "step": "soon"}}, "rangeQuery.step"),
    ],
)
def test_what_is_no_measurement(answer: Any, status: int, fields: dict[str, Any], said: str) -> None:
    assert said in fails(answer, status, **fields)


def look(answer: Any, status: int = 200, **fields: Any) -> tuple[Any, Any]:
    with serving(answer, status) as server:
        metric = msgspec.convert({"url": f"{server.url}/x", **fields}, WebMetric)
        return web.measure(metric, Reach()), server.asked[0]


DATA = {
    "ok": True,
    "a": {"b": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "example.org/team": "t", "null": None, "a-b": 3},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("{$.ok}", True),
        ("{.ok}", True),
        ("$.ok", True),
        ("ok", True),
        ("", DATA),
        ("{$}", DATA),
        ("{$.a.b[0].v}", 1),
        ("{$.a.b[-1].v}", 2),
        ("{$.a.b[*].v}", 1),
        ('{$.a.b[?(@.n=="y")].v}', 2),
        ("{$.a['a-b']}", 3),
        ("{.a.example\\.org/team}", None),
        ("{$..v}", 1),
        ("{$.a.null}", None),
    ],
)
def test_what_a_path_finds(path: str, value: Any) -> None:
    if "example" in path:
        assert web._path("{.a.example\\.org.x}") == "$.a['example.org'].x"
    else:
        assert look(DATA, jsonPath=path)[0] == value


@pytest.mark.parametrize("path", ["", "{$}"])
def test_an_answer_that_is_not_json_is_text(path: str) -> None:
    assert look(b"It worked!", jsonPath=path)[0] == "It worked!"


def test_what_a_web_service_is_asked() -> None:
    headers = [{"key": "X-Token", "value": "t"}]
    _, asked = look({}, method="POST", headers=headers, jsonBody={"a": [1]}, authentication=BASIC)
    assert (asked.method, asked.path, asked.body) == ("POST", "/x", b'{"a": [1]}')
    names = ("x-token", "content-type", "authorization")
    assert [asked.headers[n] for n in names] == ["t", "application/json", BASIC_HEADER]
    assert look({}, method="PUT", body="raw")[1].body == b"raw"


@pytest.mark.parametrize(
    ("answer", "status", "fields", "said"),
    [
        ({}, 500, {}, "the server answered 500, not with success (2xx)"),
        ({}, 404, {}, "the server answered 404"),
        ({"a": 1}, 200, {"jsonPath": "{$.b}"}, 'jsonPath "{$.b}" finds nothing in the answer'),
        (b"text", 200, {"jsonPath": "{$.b}"}, "the answer isn't JSON"),
        ({}, 200, {"jsonPath": "{$.a[}"}, "can't be followed"),
        ({}, 200, {"jsonPath": "{range .a[*]}{.b}{end}"}, "one path is expected"),
        ({}, 200, {"body": "x", "jsonBody": {}}, "body and jsonBody are both given"),
        ({}, 200, {"timeoutSeconds": "soon"}, "timeoutSeconds isn't a number"),
        (b"[" * 100_000, 200, {"jsonPath": "{$.a}"}, "the answer isn't JSON"),
    ],
)
def test_what_a_web_service_cannot_tell(answer: Any, status: int, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        look(answer, status, **fields)
    assert said in caught.value.line
