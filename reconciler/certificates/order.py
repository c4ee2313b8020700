"""One order, step by step (RFC 8555, 7.1): open, answer, validate, finalise. Keeps nothing.

Each step raises what `acme` and `requests` raise (see `reasons`), or `CertificateError`. `pause` waits so
many seconds; it may raise to end everything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.certificates.held import Held, read
from reconciler.errors import CertificateError
from reconciler.model.traffic import Challenge

if TYPE_CHECKING:
    from acme.client import ClientV2

Pause = Callable[[float], None]

VALIDATION_S, ISSUANCE_S = 120.0, 120.0
SLICE_S = 3.0
"""How long the library may wait at a stretch: closing takes no longer."""
FIRST_POLL_S, SLOWEST_POLL_S = 0.3, 30.0


class Order(NamedTuple):
    """An order that the server has taken in. `key` is the certificate's to be, in PEM; it is never shown."""

    resource: Any
    key: str
    open: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"Order({self.resource.uri})"


def begin(client: ClientV2, hosts: tuple[str, ...]) -> Order:
    """Place an order, with a new key. `open` are the authorizations that the server doesn't have yet."""
    from acme.crypto_util import make_csr
    from acme.messages import STATUS_PENDING

    key = _new_key()
    resource = client.new_order(make_csr(key.encode(), list(hosts)))
    waiting = tuple(a for a in resource.authorizations if a.body.status == STATUS_PENDING)
    return Order(resource, key, waiting)


def challenges(client: ClientV2, order: Order) -> tuple[Challenge, ...]:
    """What the server will want to read, in sorted order."""
    found = (_http01(authorization).validation(client.net.key) for authorization in order.open)
    # RFC 8555, 8.1: the answer is the token, a dot and the account key's thumbprint
    return tuple(sorted((_challenge(answer) for answer in found), key=lambda c: c.token))


def answer(client: ClientV2, order: Order) -> None:
    """Tell the server to look. Only when the challenges are in force everywhere: a wrong answer is final."""
    for authorization in order.open:
        body = _http01(authorization)
        client.answer_challenge(body, body.response(client.net.key))


def validated(client: ClientV2, order: Order, pause: Pause) -> None:
    """Wait until the server has seen every challenge."""
    from acme.messages import STATUS_PENDING, STATUS_VALID

    end = monotonic() + VALIDATION_S
    for authorization in order.open:
        host, unasked = authorization.body.identifier.value, FIRST_POLL_S
        while True:
            current, response = client.poll(authorization)
            if current.body.status == STATUS_VALID:
                break
            if current.body.status != STATUS_PENDING:
                raise _refused(host, current)
            if monotonic() > end:
                raise CertificateError(f"{host}: the server didn't come to look within {VALIDATION_S:.0f} s")
            pause(_seconds(client, response, unasked))
            unasked *= 1.5


def finalised(client: ClientV2, order: Order, pause: Pause) -> Held:
    """Have the certificate made, and fetch it with its chain."""
    from acme import errors
    from acme.messages import Error

    end = monotonic() + ISSUANCE_S
    try:
        client.begin_finalization(order.resource)
    except Error as error:
        if error.code != "orderNotReady":  # polling asks again as soon as it is
            raise
    while monotonic() < end:
        pause(0)
        try:
            deadline = datetime.now() + timedelta(seconds=SLICE_S)
            done = client.poll_finalization(order.resource, deadline)
            return read(order.key + done.fullchain_pem)
        except errors.TimeoutError:
            continue
    raise CertificateError(f"the server didn't make the certificate within {ISSUANCE_S:.0f} s")


def _new_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _http01(authorization: Any) -> Any:
    for body in authorization.body.challenges:
        if body.chall.typ == "http-01":
            return body
    raise CertificateError(
        f"{authorization.body.identifier.value}: the server offers no HTTP-01 challenge",
        remedy="give the Secret in a manifest, or use a server that offers it",
    )


def _challenge(validation: str) -> Challenge:
    return Challenge(token=validation.partition(".")[0], answer=validation)


def _refused(host: str, authorization: Any) -> CertificateError:
    from reconciler.certificates.reasons import of_problem

    problems = [body.error for body in authorization.body.challenges if body.error is not None]
    why = of_problem(problems[0]) if problems else f"the authorization is {authorization.body.status.name}"
    return CertificateError(f"{host}: the server couldn't convince itself: {why}")


def _seconds(client: ClientV2, response: Any, unasked: float) -> float:
    """What the server asks for (Retry-After), within reason; `unasked` if it doesn't."""
    seconds = unasked
    if "Retry-After" in response.headers:
        seconds = (client.retry_after(response, 1) - datetime.now()).total_seconds()
    return min(SLOWEST_POLL_S, max(FIRST_POLL_S, seconds))
