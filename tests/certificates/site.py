"""What stands around a Certifier in these tests: Ingresses, a clock, and a loop with a proxy in one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from reconciler.certificates import Certifier
from reconciler.certificates.folder import Folder
from reconciler.certificates.ledger import Ledger
from reconciler.certificates.worker import Worker
from reconciler.model.config import Secret
from reconciler.model.desired import Desired
from reconciler.model.fleet import ACMESpec, Fleet, FleetMeta, FleetSpec, IngressPortsSpec, NetworkSpec
from reconciler.model.ingress import Ingress, IngressSpec, IngressTLS
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.revision import Revision
from reconciler.model.traffic import Challenge

PREFIX = "/.well-known/acme-challenge/"
ASKS = {"cert-manager.io/cluster-issuer": "letsencrypt"}
WEB_TLS = Key("Secret", "default", "web-tls")


class Clock:
    """The real time, and what the test adds to it (seconds)."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Site:
    """Does at once, when woken, what the loop would: serves the challenges and says that they are served."""

    def __init__(self) -> None:
        self.desired: Desired | None = None
        self.side: Certifier | Ledger | None = None
        self.answers: dict[str, str] = {}
        self.asked: list[str] = []
        self.wakes = 0
        self.lie = False

    def wake(self) -> None:
        self.wakes += 1
        if self.side is not None and self.desired is not None:
            challenges = self.side.complete(self.desired).challenges
            self.serve(challenges)
            self.side.published(challenges)

    def serve(self, challenges: tuple[Challenge, ...]) -> None:
        self.answers = {c.token: "something else" if self.lie else c.answer for c in challenges}


@contextmanager
def http_site(port: int) -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(f"{self.headers['Host'].partition(':')[0]}{self.path}")
            answer = site.answers.get(self.path.removeprefix(PREFIX))
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write((answer or "no such challenge").encode())

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def by_hand(spec: ACMESpec, folder: Path, site: Site, clock: Clock) -> tuple[Ledger, Worker, Folder]:
    """The parts of a Certifier without its thread: the test calls `work`."""
    kept = Folder(folder, spec.directory)
    ledger = Ledger(spec, kept, clock)
    site.side = ledger
    if site.desired is not None:
        ledger.complete(site.desired)
    return ledger, Worker(spec, kept, ledger, site.wake), kept


def ingress(
    name: str = "web",
    *,
    hosts: tuple[str, ...] = ("web.example.org",),
    secret: str = "web-tls",
    namespace: str = "default",
    annotations: dict[str, str] = ASKS,
    tls: tuple[IngressTLS, ...] | None = None,
) -> Ingress:
    entries = (IngressTLS(hosts=hosts, secret_name=secret),) if tls is None else tls
    return Ingress(
        api_version="networking.k8s.io/v1",
        kind="Ingress",
        metadata=ObjectMeta(name=name, namespace=namespace, annotations=annotations),
        spec=IngressSpec(tls=entries),
    )


def desired(*ingresses: Ingress, spec: ACMESpec | None, secrets: tuple[Secret, ...] = ()) -> Desired:
    fleet = Fleet(
        api_version="reconciler.io/v1",
        kind="Fleet",
        metadata=FleetMeta(name="home"),
        spec=FleetSpec(nodes=(), network=NetworkSpec(ingress=IngressPortsSpec(acme=spec))),
    )
    return Desired(
        fleet=fleet,
        revision=Revision(id="a" * 40),
        ingresses={i.key: i for i in sorted(ingresses, key=lambda i: i.key)},
        contents={s.key: s for s in secrets},
    )


def secret(name: str = "web-tls", namespace: str = "default") -> Secret:
    return Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name=name, namespace=namespace),
        data={"a": "Yg=="},
    )
