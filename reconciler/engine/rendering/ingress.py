"""Ingress: HTTP and HTTPS from outside, by host and path.

Six looks into maps find the route, however many there are: exact path then prefix, for the host, then for its
wildcard, then for any host. An exact path is never shorter than a prefix that matches as well, so it comes
first. Prefixes are matched with a slash at the end of both sides: `/foo` then means whole path elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.engine.rendering import onward, paths
from reconciler.engine.rendering.backends import LET_GO, base_name, header_turns, place_name
from reconciler.engine.rendering.basis import FOLDER
from reconciler.engine.rendering.header_routes import asked, tested
from reconciler.engine.rendering.lines import lines
from reconciler.engine.rendering.listed import one_of
from reconciler.engine.rendering.slots import slotted, use
from reconciler.model.request_path import canonical
from reconciler.model.traffic import Certificate, IngressRoute, IngressTraffic, NodeTraffic

CERTIFICATE_LIST = "certs/list"
CHALLENGES = "/.well-known/acme-challenge/"
PUBLIC = re.compile(r"[A-Za-z0-9_.-]+")
"""What tokens and answers of ACME are made of (RFC 8555, 8.1)."""
_OF_CLIENTS = "^(forwarded|x[-_](real[-_]ip|forwarded[-_](for|proto|host|port)))$"
"""Headers in which proxies tell of a client."""


def ingress(traffic: NodeTraffic, certificates: frozenset[str]) -> Iterator[str]:
    """`certificates` are the names of those that there are; with none there is no HTTPS and no redirect to
    it.
    """
    found = traffic.ingress
    if found is None:
        return
    yield from _frontend(found, "http", str(found.http_port))
    yield from _challenges(found)
    yield from _finding()
    yield from _allowing(found)
    if certificates:
        port = "" if found.https_port == 443 else f":{found.https_port}"
        wanted = f"{{ var(txn.route),map_str({FOLDER}/maps/redirects.map) -m found }}"
        yield f"  http-request redirect prefix https://%[var(txn.host)]{port} code 308 if {wanted}"
    leading = list(_leading(traffic))
    yield from _passing(found.http_port, "http", leading)
    if certificates:
        yield ""
        tls = f"{found.https_port} ssl crt-list {FOLDER}/{CERTIFICATE_LIST} alpn h2,http/1.1"
        yield from _frontend(found, "https", tls)
        yield from _finding()
        yield from _allowing(found)
        yield from _passing(found.https_port, "https", leading)


def ingress_maps(traffic: NodeTraffic) -> dict[str, str]:
    if traffic.ingress is None:
        return {}
    exact: dict[str, str] = {}
    prefix: dict[str, str] = {}
    names = _named(traffic.ingress)
    for name, route in names.items():
        path = canonical(route.path)
        if route.exact:
            exact.setdefault(f"{route.host}{path}", name)
        else:
            prefix.setdefault(f"{route.host}{path.rstrip('/')}/", name)
    return {
        "exact_paths": _lines(exact),
        "prefix_paths": _lines(prefix),
        "routes": _lines({name: _backend(route) for name, route in names.items()}),
        "redirects": _lines({name: "yes" for name, route in names.items() if route.redirect}),
        "timeouts": _lines(
            {
                name: str(route.timeout_seconds * 1000)
                for name, route in names.items()
                if route.timeout_seconds
            }
        ),
    }


def certificate_list(traffic: NodeTraffic, certificates: frozenset[str]) -> str:
    """The certificates, each for the names that are in it; the first also for clients that name none."""
    return lines(
        f"{FOLDER}/{file_name(one)}"
        for one in (traffic.ingress.certificates if traffic.ingress else ())
        if f"{one.namespace}/{one.secret}" in certificates
    )


def file_name(certificate: Certificate) -> str:
    return f"certs/{certificate.namespace}_{certificate.secret}.pem"


def _frontend(found: IngressTraffic, scheme: str, bind: str) -> Iterator[str]:
    yield f"frontend ingress_{scheme}"
    yield f"  bind :{bind}"
    yield f"  {onward.door(f'ingress_{scheme}')}"
    yield "  mode http"
    yield f"  {LET_GO}"


def _challenges(found: IngressTraffic) -> Iterator[str]:
    for one in found.challenges:
        if not (PUBLIC.fullmatch(one.token) and PUBLIC.fullmatch(one.answer)):
            continue  # no ACME server of good faith sends such; in here it would be configuration
        where = f"{{ path {CHALLENGES}{one.token} }}"
        yield f'  http-request return status 200 content-type text/plain string "{one.answer}" if {where}'


def _finding() -> Iterator[str]:
    yield from paths.meant()
    yield "  http-request set-var(txn.host) req.hdr(host),field(1,:),lower,regsub([.]+$,)"
    yield "  http-request set-var(txn.wildcard) var(txn.host),regsub(^[^.]+,*)"
    for host in ("%[var(txn.host)]", "%[var(txn.wildcard)]", ""):
        path = f"{host}%[var(txn.path)]"
        for kind, key in (("exact_paths", path), ("prefix_paths", f"{path}/")):
            lookup = "map_str" if kind == "exact_paths" else "map_beg"
            missing = "unless { var(txn.route) -m found }"
            found = f"var(txn.key),{lookup}({FOLDER}/maps/{kind}.map)"
            yield f'  http-request set-var-fmt(txn.key) "{key}" {missing}'
            yield f"  http-request set-var(txn.route) {found} {missing}"
    yield "  http-request return status 404 unless { var(txn.route) -m found }"


def _allowing(found: IngressTraffic) -> Iterator[str]:
    for name, route in _named(found).items():
        if route.allow:
            allowed = f"from_{name.replace('/', '_')}"
            for line in one_of(allowed, "src", route.allow):
                yield f"  {line}"
            yield f"  http-request deny deny_status 403 if {{ var(txn.route) -m str {name} }} !{allowed}"


def _passing(port: int, scheme: str, leading: list[str]) -> Iterator[str]:
    """What the pods are told of the client. What the client says of itself is not believed."""
    timeout = f"var(txn.route),map_str_int({FOLDER}/maps/timeouts.map)"
    yield f"  http-request set-var(txn.timeout) {timeout}"
    # A program that reads headers as CGI does takes an underscore for a hyphen.
    yield f"  http-request del-header {_OF_CLIENTS} -m reg"
    # What comes after such an upgrade is HTTP/2, in which nobody looks at paths any more.
    yield "  http-request del-header Upgrade if { req.hdr(upgrade) -m beg -i h2c }"
    yield "  http-request set-header X-Real-IP %[src]"
    yield f"  http-request set-header X-Forwarded-Proto {scheme}"
    yield "  http-request set-header X-Forwarded-Host %[req.hdr(host)]"
    yield f"  http-request set-header X-Forwarded-Port {port}"
    first = next(number for number, line in enumerate(leading) if line.startswith("use_backend"))
    for line in (*leading[:first], onward.use(f"ingress_{scheme}"), *leading[first:]):
        yield f"  {line}"
    yield ""
    yield from onward.backend(f"ingress_{scheme}", LET_GO)


def _leading(traffic: NodeTraffic) -> Iterator[str]:
    """To the route's backend, or that of another service by the request's headers, and there to the live
    slot.
    """
    found = f"var(txn.route),map_str({FOLDER}/maps/routes.map)"
    led = {_backend(route) for route in (traffic.ingress.routes if traffic.ingress else ())}
    turns = [turn for turn in header_turns(traffic) if place_name(turn.origin) in led]
    slots = slotted(traffic)
    if not turns and not slots:
        yield f"use_backend %[{found}]"
        return
    yield f"http-request set-var(txn.led) {found}"
    yield from tested(turns)
    for turn in turns:
        here = f"!{{ var(txn.to) -m found }} {{ var(txn.led) -m str {place_name(turn.origin)} }}"
        yield f"http-request set-var(txn.to) str({place_name(turn.to)}) if {here} {asked(turn)}"
    if turns:
        yield "http-request set-var(txn.led) var(txn.to) if { var(txn.to) -m found }"
    if slots:
        yield use("txn.led")
    yield "use_backend %[var(txn.led)]"


def _named(found: IngressTraffic) -> dict[str, IngressRoute]:
    """Routes by a name that says whose they are; a number tells those of one Ingress apart."""
    return {f"{route.ingress}:{number}": route for number, route in enumerate(found.routes)}


def _backend(route: IngressRoute) -> str:
    way = "https" if route.backend_tls else "http"
    return f"{base_name(route.namespace, route.service, route.port)}.{way}"


def _lines(entries: dict[str, str]) -> str:
    return lines(f"{key} {value}" for key, value in entries.items())
