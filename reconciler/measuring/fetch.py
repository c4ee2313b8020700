"""One HTTP request, by the standard library: bounded in time and size, redirects followed with care.

Where the request goes is for `dial` to say: a Service of the fleet is reached through one of its nodes,
everything else directly. Errors name the place, never the whole URL: a query may hold what is secret.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from reconciler.bounded import Bounded, Stream, left
from reconciler.errors import MeasurementError
from reconciler.model.base import Value

MOST_BYTES = 1 << 20
MOST_REDIRECTS = 5
PORTS = {"http": 80, "https": 443}
_CHUNK = 65536


Dial = Callable[[str, str, int, float], Stream | None]
"""(namespace, host, port, seconds) -> a connection through a node; None: it is to be made directly. Raises
OSError. A host without a point may be a Service of that namespace.
"""

Encrypt = Callable[[Any, ssl.SSLContext, str], Stream]
"""TLS over a stream that isn't a socket, for the host of that name. Raises OSError."""


class Reach(Value):
    """How to get to places from `namespace`: `dial` and `encrypt` for what is inside of the fleet."""

    namespace: str = ""
    dial: Dial = lambda _namespace, _host, _port, _seconds: None
    encrypt: Encrypt | None = None


class Request(Value):
    """`timeout` in seconds, for all of it. `insecure`: any certificate will do."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout: float = 10.0
    insecure: bool = False


class Answer(Value):
    status: int
    body: bytes


def fetch(request: Request, reach: Reach) -> Answer:
    """Raises `MeasurementError`. A GET follows redirects; credentials don't go with it to another host."""
    end = time.monotonic() + request.timeout
    for _ in range(MOST_REDIRECTS + 1):
        place, headers, answer = _asked(request, reach, end)
        if answer.status not in (301, 302, 303, 307, 308) or "location" not in headers:
            return answer
        request = _redirected(request, place, headers["location"])
    raise MeasurementError(f"{_name(_split(request.url))} redirects more than {MOST_REDIRECTS} times")


def _redirected(request: Request, place: SplitResult, location: str) -> Request:
    if request.method != "GET":
        raise MeasurementError(f"{_name(place)} redirects a {request.method}, which isn't sent again")
    try:
        url = urljoin(request.url, location)
    except ValueError:
        raise MeasurementError(f"{_name(place)} redirects to what isn't a URL") from None
    there = _split(url)
    headers = request.headers
    if (there.scheme, there.netloc) != (place.scheme, place.netloc):
        headers = tuple(h for h in headers if h[0].lower() not in ("authorization", "cookie"))
    return Request(url=url, headers=headers, timeout=request.timeout, insecure=request.insecure)


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url.strip())
        port_fits = place.port != 0
    except ValueError:
        raise MeasurementError("its address isn't a URL") from None
    if place.scheme not in PORTS:
        raise MeasurementError(f'only http and https can be asked, not "{place.scheme}"')
    if not place.hostname or not port_fits or not _is_name(place.hostname):
        raise MeasurementError("its address names no host")
    return place


def _is_name(host: str) -> bool:
    """Whether it can be looked up: `a..b` can't."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _name(place: SplitResult) -> str:
    """In the letters that were written: it may hold a Secret's value, which is found by them."""
    there = place.netloc.rpartition("@")[2]
    return there if place.port else f"{there.rstrip(':')}:{PORTS[place.scheme]}"


def _asked(request: Request, reach: Reach, end: float) -> tuple[SplitResult, Mapping[str, str], Answer]:
    place = _split(request.url)
    try:
        with closing(_connected(place, request, reach, end)) as stream:
            response = _sent(request, place, Bounded(stream, end))
            body = _read(response, _name(place))
            headers = {name.lower(): value for name, value in response.getheaders()}
            return place, headers, Answer(status=response.status, body=body)
    except TimeoutError:
        raise MeasurementError(f"{_name(place)}: no whole answer within {request.timeout:g} s") from None
    except ConnectionRefusedError:
        raise MeasurementError(f"{_name(place)}: connection refused") from None
    except ssl.SSLCertVerificationError as error:
        raise MeasurementError(
            f"{_name(place)}: its certificate isn't trusted ({error.verify_message})",
            remedy="insecure: true accepts any certificate",
        ) from None
    except OSError as error:
        raise MeasurementError(f"{_name(place)}: {error.strerror or error or type(error).__name__}") from None
    except http.client.InvalidURL:
        raise MeasurementError(f"{_name(place)}: the URL has a character that can't be sent") from None
    except http.client.HTTPException as error:
        raise MeasurementError(f"{_name(place)}: the answer isn't HTTP ({type(error).__name__})") from None
    except ValueError:
        raise MeasurementError(f"{_name(place)}: a header has a character that can't be sent") from None


def _connected(place: SplitResult, request: Request, reach: Reach, end: float) -> Any:
    host, port = place.hostname or "", place.port or PORTS[place.scheme]
    inside = reach.dial(reach.namespace, host, port, left(end))
    stream: Any = inside or socket.create_connection((host, port), timeout=left(end))
    stream.settimeout(left(end))
    if place.scheme == "http":
        return stream
    try:
        context = _context(request.insecure)
        if inside is None or isinstance(stream, socket.socket):
            return context.wrap_socket(stream, server_hostname=host)
        if reach.encrypt is None:
            raise MeasurementError(f"{_name(place)}: https can't be spoken through a node here")
        return reach.encrypt(Bounded(stream, end), context, host)
    except BaseException:
        stream.close()
        raise


def _context(insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Connection(http.client.HTTPConnection):
    """One request over a stream that is open already, and that somebody else closes."""

    def __init__(self, stream: Bounded, host: str) -> None:
        super().__init__(host)
        self.sock: Any = stream

    def close(self) -> None:
        """The response is still to be read."""


def _sent(request: Request, place: SplitResult, stream: Bounded) -> http.client.HTTPResponse:
    own = {"host": ("Host", place.netloc.rpartition("@")[2]), "accept": ("Accept", "*/*")}
    given = {name.lower(): (name, value) for name, value in request.headers}
    connection = _Connection(stream, place.hostname or "")
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in {**own, **given}.values():
        connection.putheader(name, value)
    if request.body is not None:
        connection.putheader("Content-Length", str(len(request.body)))
    connection.putheader("Connection", "close")
    connection.endheaders(request.body)
    return connection.getresponse()


def _read(response: http.client.HTTPResponse, name: str) -> bytes:
    found = bytearray()
    while True:
        chunk = response.read1(_CHUNK)
        if not chunk:
            if response.length:
                raise MeasurementError(f"{name}: the answer was cut off")
            return bytes(found)
        found += chunk
        if len(found) > MOST_BYTES:
            raise MeasurementError(f"{name}: the answer is larger than {MOST_BYTES >> 20} MiB")
