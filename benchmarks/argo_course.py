"""One of Argo Rollouts' examples on the lab: its first version, a second one through all its steps, and gone.

Long waits are ended by `promote`, so that a run has an end; everything else goes by the manifest's own clock.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import yaml

from benchmarks.argo_files import Document, changed, written
from reconciler.cli.inventory import inventory
from reconciler.cli.rollout_ask import Asking
from reconciler.errors import UsageError
from reconciler.model.delivery import Verb
from reconciler.model.meta import Key
from reconciler.record.deliveries import DeliveryStatus
from tests.fleet.networking import Place
from tests.fleet.rollouts import shares
from tests.fleet.site import until

FILE = "example.yaml"
LONG_S = 15.0
"""Pauses that last longer are ended by `promote`, unless something is meant to happen in them."""
PATIENCE_S = 100.0
REQUESTS = 200

ANSWERS: dict[str, dict[str, Any]] = {
    "/dns": {"Status": 0},
    "/version": {"major": "1", "minor": "30"},
    "/gist": {"message": "It worked!"},
}
"""What stands in for the Internet, as far as the conditions read it."""


@contextmanager
def answering() -> Iterator[str]:
    """The URL of a server that gives `ANSWERS`."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = ANSWERS.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(msgspec.json.encode(found))

        def log_message(self, format: str, *args: object) -> None:
            return  # it isn't what this is about

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Told:
    """What was seen of one example. `end` is Healthy, Degraded, Inconclusive or Stuck."""

    end: str = ""
    message: str = ""
    promoted: int = 0
    aborted: bool = False
    late: bool = False
    traffic: str = ""
    seconds: float = 0.0
    sets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """`asked` is Healthy, or how it is meant to end; Aborted: somebody says abort at its first pause."""

    place: Place
    documents: Sequence[Document]
    asked: str = "Healthy"

    @property
    def key(self) -> Key:
        found = next(d for d in self.documents if d["kind"] == "Rollout")["metadata"]
        return Key("Rollout", found.get("namespace", "default"), found["name"])

    @property
    def _asking(self) -> Asking:
        return Asking(inventory(self.place.inventory))

    def status(self) -> DeliveryStatus | None:
        try:
            return next((s for s in self._asking.look() if s.key == self.key), None)
        except UsageError:
            return None  # it carries out nothing yet

    def run(self) -> Told:
        began, told = time.monotonic(), Told()
        try:
            self.place.write(written(self.documents), FILE)
            until(lambda: self._is("Healthy", 1), "the first version is Healthy", self._tell, 60)
            self.place.write(written(changed(self.documents)), FILE)
            until(lambda: self._goes_on(told), "it ends", self._tell, PATIENCE_S)
            self._after(told)
        except AssertionError as error:
            told.end, told.message = "Stuck", str(error)
        told.seconds = time.monotonic() - began
        return told

    def _is(self, phase: str, number: int) -> bool:
        now = self.status()
        return now is not None and now.phase == phase and now.number == number

    def _tell(self) -> str:
        return f"{self.status()}\n{self.place.tell()}"

    def _goes_on(self, told: Told) -> bool:
        """Look once, and say what has to be said; True when it is over."""
        now = self.status()
        if now is None or now.number < 2:
            return False
        if now.phase == "Paused" and not told.traffic:
            until(self._published, "every proxy knows it", self._tell, 10)
            told.traffic = self.traffic()
        if now.phase == "Paused" and (doubts := [r for r in now.runs if r.phase == "Inconclusive"]):
            told.end, told.message = "Inconclusive", doubts[0].message or now.message
            return self._order("abort")
        told.late = told.late or (now.phase == "Degraded" and now.stage != "aborted")
        if now.phase == "Healthy" or now.stage == "aborted":
            told.end, told.message = now.phase, now.message
            return True
        if now.phase == "Paused" and self._too_long(now):
            if self.asked == "Aborted":
                told.aborted = self._order("abort")
            else:
                told.promoted += self._order("promote")
        return False

    def _order(self, verb: Verb) -> bool:
        """It may have gone on by itself in this moment."""
        try:
            self._asking.order(self.key, verb)
        except UsageError:
            return False
        return True

    def _too_long(self, now: DeliveryStatus) -> bool:
        """A pause that doesn't end soon; what is measured in it was measured once."""
        running = [r for r in now.runs if r.phase == "Running"]
        if any(
            not (m.successful or m.failed or m.inconclusive or m.error) for r in running for m in r.metrics
        ):
            return False
        if now.until is None:
            return True
        return now.until - now.at > LONG_S and self.asked in ("Healthy", "Aborted", "Either")

    def _after(self, told: Told) -> None:
        """Healthy: nothing but the new version serves. Otherwise the old one is whole again."""
        version = "v2" if told.end == "Healthy" else "v1"
        now = self.status()
        assert now is not None
        stable = now.template_hash if told.end == "Healthy" else now.stable_hash

        def whole() -> bool:
            found = self.status()
            ready = {s.template_hash: s.ready for s in found.sets} if found else {}
            return found is not None and ready.get(stable, 0) >= found.desired

        until(whole, f"{version} is whole", self._tell, 30)
        until(lambda: self._serves(version), f"{version} alone serves", self._tell, 30)
        time.sleep(2.0 if self.asked == "Aborted" else 0.0)
        last = self.status()
        told.sets = (
            {("old" if s.template_hash == stable else "new"): s.total for s in last.sets} if last else {}
        )

    def _serves(self, version: str) -> bool:
        """Every Service but a preview's."""
        return all(set(found) <= {version} for name, found in self._answers() if "preview" not in name)

    def _published(self) -> bool:
        return all(node.traffic == "up to date" for node in self.place.seen().nodes)

    def traffic(self) -> str:
        """Who answers at each Service and Ingress: `app-stable v1; at the Ingress v1 190, v2 10`."""
        said = []
        for name, found in self._answers():
            both = ", ".join(f"{version} {count}" for version, count in sorted(found.items()))
            said.append(f"{name} {both if len(found) > 1 else next(iter(found), 'nobody')}")
        return "; ".join(said)

    def _answers(self) -> Iterator[tuple[str, dict[str, int]]]:
        seen, lab = self.place.seen(), self.place.lab
        for service in (s for s in seen.services if s.ip not in ("", "None")):
            port = service.ports[0].partition("/")[0].partition(":")[0]
            yield service.name, _ask(f"http://{service.ip}:{port}/", at=lab.entering("pi-1"))
        for ingress in seen.ingresses:
            host = next((h for h in ingress.hosts if h != "*"), "")
            yield "at the Ingress", _ask(f"http://{lab.node('pi-2').ip}/", host=host)

    def gone(self) -> None:
        """What takes the file away, and waits until nothing of it runs."""
        (self.place.apps / FILE).unlink(missing_ok=True)
        until(self._empty, "it is gone", self._tell, 60)

    def _empty(self) -> bool:
        seen = self.place.seen()
        return not seen.pods and not seen.workloads and not seen.services


def _ask(url: str, *, at: Sequence[str] = (), host: str = "") -> dict[str, int]:
    """Version -> number of answers; empty where nobody is behind it."""
    try:
        return dict(shares(url, REQUESTS, at=at, host=host))
    except subprocess.CalledProcessError:
        return {}


def run_alone(place: Place, documents: Sequence[Document]) -> Told:
    """An AnalysisRun from a file, until it ends."""
    began, told = time.monotonic(), Told()
    name = documents[0]["metadata"]["name"]
    place.write(written(documents), FILE)

    def ended() -> bool:
        text = place.run("status", "-o", "yaml").stdout
        for found in (d for read in yaml.safe_load_all(text) for d in read.get("items", [read])):
            if found.get("kind") == "AnalysisRun" and found["metadata"]["name"] == name:
                told.end = found.get("status", {}).get("phase", "")
        return told.end in ("Successful", "Failed", "Error", "Inconclusive")

    try:
        until(ended, "the run ends", place.tell, PATIENCE_S)
    except AssertionError as error:
        told.end, told.message = "Stuck", str(error)
    told.seconds = time.monotonic() - began
    return told
