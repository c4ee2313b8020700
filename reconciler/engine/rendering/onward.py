"""What a HAProxy process that a reload left behind does with requests that still come to it: hand them on.

It hears no commands any more, so it knows neither of endpoints that came or went since nor of a switch
between slots. But a client that has kept its connection open may have its next request on the way at any
moment. The process gives each to the one that took its place, through a socket that every frontend has for
that, and then lets the client go. The PROXY header keeps both ends' addresses, so the other finds the same
service and sees the same client. Only HAProxy's own user may use these sockets: who may could say to be any
client.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.engine.rendering.basis import FOLDER

PREFIX = "onward."
"""Of the backends' names: no service's has it, for each has an underscore."""


def door(frontend: str) -> str:
    """The bind by which a frontend takes what another process hands on. Only the owner of a socket may write
    to it by default; `mode` would need one more capability, CAP_FOWNER.
    """
    return f"bind unix@{_socket(frontend)} accept-proxy user haproxy"


def use(frontend: str, condition: str = "") -> str:
    """The rule that hands on; before all others that choose a backend."""
    return f"use_backend {PREFIX}{frontend} if {{ stopping }}{condition}"


def backend(frontend: str, letting_go: str) -> Iterator[str]:
    yield f"backend {PREFIX}{frontend}"
    yield "  mode http"
    yield "  option accept-invalid-http-response"
    yield "  retry-on conn-failure"
    yield f"  {letting_go}"
    yield f"  server next unix@{_socket(frontend)} no-check send-proxy-v2"


def _socket(frontend: str) -> str:
    """In few letters: a socket's path has at most 107 (unix(7)), of which HAProxy needs some."""
    return f"{FOLDER}/run/on-{frontend.removeprefix('ingress_')}"
