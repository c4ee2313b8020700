"""Why there is no certificate, in words that say what to do. Nothing secret is in any of these errors."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from reconciler.errors import CertificateError

LONGEST = 500

ELSEWHERE = "something else answers on port 80 of this name: look where its DNS entry and the router lead"

REMEDIES = {
    "connection": "port 80 of this name must lead to an ingress node from outside",
    "unauthorized": ELSEWHERE,
    "incorrectResponse": ELSEWHERE,
    "dns": "the name needs a public DNS entry",
    "unknownHost": "the name needs a public DNS entry",
    "caa": "the domain's CAA record must allow this server",
    "rejectedIdentifier": "this server makes no certificates for such a name",
    "rateLimited": "it is asked again later; try things out on the server's staging directory",
    "invalidContact": "look at spec.network.ingress.acme.email",
    "invalidEmail": "look at spec.network.ingress.acme.email",
    "unsupportedContact": "look at spec.network.ingress.acme.email",
    "externalAccountRequired": "this server wants accounts made elsewhere (EAB), which isn't supported",
}


class Reason(NamedTuple):
    """`limited`: we asked too often. `no_account`: the server has forgotten our account."""

    text: str
    limited: bool = False
    no_account: bool = False


def reason(error: Exception, directory: str) -> Reason | None:
    """None for an error that isn't expected: a bug."""
    from acme import errors
    from acme.messages import Error
    from josepy.errors import DeserializationError
    from requests.exceptions import RequestException

    if isinstance(error, errors.IssuanceError):
        error = error.error
    if isinstance(error, Error):
        return Reason(of_problem(error), error.code == "rateLimited", error.code == "accountDoesNotExist")
    if isinstance(error, CertificateError):
        return Reason(error.line)
    if isinstance(error, RequestException):
        return Reason(_unreachable(error, directory))
    if isinstance(error, (errors.Error, DeserializationError, ValueError)):
        what = _short(str(error)) or type(error).__name__
        return Reason(f"{directory} doesn't answer as an ACME server does: {what}")
    if isinstance(error, OSError):
        return Reason(f"nothing can be kept: {error}")
    return None


def of_problem(problem: Any) -> str:
    """An ACME server's problem document (RFC 8555, 6.7)."""
    said = problem.detail or problem.description or problem.typ
    inner = [f"{p.identifier.value}: {p.detail}" for p in problem.subproblems or () if p.identifier]
    remedy = REMEDIES.get(problem.code or "", "")
    return _short("; ".join([said, *inner])) + (f" ({remedy})" if remedy else "")


def _unreachable(error: Exception, directory: str) -> str:
    from requests.exceptions import SSLError, Timeout

    if isinstance(error, SSLError):
        return (
            f"the certificate of {directory} isn't trusted; "
            "a private server's CA goes into spec.network.ingress.acme.caFile"
        )
    if isinstance(error, Timeout):
        return f"{directory} doesn't answer in time"
    return f"{directory} can't be reached: {_cause(error)}"


def _cause(error: BaseException) -> str:
    """requests and urllib3 wrap the one sentence that matters."""
    seen = error
    while (inner := getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)) is not None:
        if not isinstance(inner, BaseException):
            break
        seen = inner
    return _short(re.sub(r"^(<[^>]*>|\w+\([^)]*\)): ", "", str(seen)))


def _short(text: str) -> str:
    """One line; a server may send whole pages."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[:LONGEST] + " …"
