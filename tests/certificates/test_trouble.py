"""What goes wrong is said in words, and not tried again at once; what is killed goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import msgspec
import pytest

from reconciler.certificates import Certifier, account, order
from reconciler.certificates import worker as worker_module
from reconciler.certificates.folder import Folder
from reconciler.certificates.worker import Worker
from reconciler.model.fleet import ACMESpec
from reconciler.model.traffic import Challenge
from tests.certificates.pebble import Pebble
from tests.certificates.site import WEB_TLS, Clock, Site, by_hand, desired, ingress, secret

pytestmark = pytest.mark.programs("pebble", "pebble-challtestsrv", "setpriv")


class Killed(BaseException):
    """In place of SIGKILL."""


def fails(worker: Worker, ledger: Any) -> str:
    """One attempt, which fails; what is said of it."""
    worker.work()
    (said,) = ledger.complaints()
    assert "\n" not in said
    return str(said)


def test_a_wrong_answer(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired, site.lie = desired(ingress(), spec=server.spec), True
    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    said = fails(worker, ledger)
    assert said.startswith("failed to obtain the certificate default/web-tls for web.example.org: ")
    assert "something else answers on port 80 of this name" in said
    assert said.endswith("next try in 1 min")
    assert ledger.complete(site.desired) is site.desired

    asked = len(site.asked)
    assert 40 < worker.work() <= 60
    assert len(site.asked) == asked
    clock.ahead = 61
    assert "(2 times)" in fails(worker, ledger)

    ledger, worker, _ = by_hand(server.spec, folder, site, clock)  # a restart forgets nothing
    assert "(2 times)" in ledger.complaints()[0]
    assert 80 < worker.work() <= 120
    site.lie, clock.ahead = False, 61 + 121
    worker.work()
    assert ledger.complaints() == ()
    assert WEB_TLS in ledger.complete(site.desired).contents
    assert not list(folder.rglob("attempt.json"))


def test_nobody_answers_on_port_80(server: Pebble, folder: Path, clock: Clock) -> None:
    nobody = Site()
    nobody.desired = desired(ingress(), spec=server.spec)
    ledger, worker, _ = by_hand(server.spec, folder, nobody, clock)
    assert "port 80 of this name must lead to an ingress node" in fails(worker, ledger)


def test_a_failed_renewal_leaves_the_old_one(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    ledger, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    held = kept.certificate(WEB_TLS)
    assert held is not None
    clock.ahead, site.lie = held.ends - 86400 - time.time(), True
    before = ledger.complete(wants)
    fails(worker, ledger)
    assert ledger.complete(wants).contents == before.contents


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"directory": "https://localhost:1/dir"}, "can't be reached: Failed to establish"),
        ({"ca_file": ""}, "isn't trusted; a private server's CA goes into spec.network.ingress.acme.caFile"),
        ({"ca_file": "/no/such/ca.pem"}, "caFile: there is no file /no/such/ca.pem"),
        ({"email": "nonsense"}, "look at spec.network.ingress.acme.email"),
    ],
    ids=["down", "untrusted", "no-ca", "email"],
)
def test_a_server_that_cannot_be_used(
    change: dict[str, str], expected: str, server: Pebble, site: Site, folder: Path, clock: Clock
) -> None:
    spec = msgspec.structs.replace(server.spec, **change)
    site.desired = desired(ingress(), spec=spec)
    ledger, worker, _ = by_hand(spec, folder, site, clock)
    assert expected in fails(worker, ledger)
    assert worker.work() > 50


def test_something_that_is_no_acme_server(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    spec = ACMESpec(directory=f"http://127.0.0.1:{server.http_port}/dir")
    site.desired = desired(ingress(), spec=spec)
    ledger, worker, _ = by_hand(spec, folder, site, clock)
    assert "doesn't answer as an ACME server does" in fails(worker, ledger)


def test_nodes_that_never_serve_the_challenge(
    server: Pebble, site: Site, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PUBLISH_S", 0.2)
    site.desired = desired(ingress(), spec=server.spec)
    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    site.side = None
    assert "the ingress nodes didn't take the challenge within 0 s" in fails(worker, ledger)
    assert site.asked == []


def test_what_was_in_force_before_is_not_taken_for_now(folder: Path, clock: Clock) -> None:
    site, challenges = Site(), (Challenge(token="t", answer="t.k"),)
    ledger, _, _ = by_hand(ACMESpec(), folder, site, clock)
    ledger.ask(challenges)
    assert not ledger.served(challenges, 0)
    ledger.published(challenges)
    assert ledger.served(challenges, 0)
    ledger.ask(())
    ledger.ask(challenges)
    assert not ledger.served(challenges, 0)


def test_another_manifest_is_tried_at_once(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired, site.lie = desired(ingress(), spec=server.spec), True
    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    fails(worker, ledger)
    site.desired, site.lie = desired(ingress(hosts=("new.example.org",)), spec=server.spec), False
    assert ledger.complete(site.desired) is site.desired
    assert ledger.complaints() == ()
    worker.work()
    assert WEB_TLS in ledger.complete(site.desired).contents


STEPS = [
    (account, "_register"),
    (account, "connect"),
    (order, "begin"),
    (order, "answer"),
    (order, "validated"),
    (order, "finalised"),
    (Folder, "keep"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("place", "step"), STEPS, ids=[name for _, name in STEPS])
def test_killed_at_any_step_it_goes_on(
    place: Any, step: str, after: bool, server: Pebble, site: Site, folder: Path, clock: Clock
) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    _, worker, _ = by_hand(server.spec, folder, site, clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, step, killing(getattr(place, step), after))
        with pytest.raises(Killed):
            worker.work()

    ledger, worker, kept = by_hand(server.spec, folder, site, clock)
    if kept.certificate(WEB_TLS) is None:
        assert worker.work() > 50  # killed over and over, it doesn't ask over and over
        clock.ahead = 61
        worker.work()
    assert WEB_TLS in ledger.complete(wants).contents
    assert worker.work() > 86400


def killing(step: Callable[..., Any], after: bool) -> Callable[..., Any]:
    def stand_in(*args: Any, **kwargs: Any) -> None:
        if after:
            step(*args, **kwargs)
        raise Killed

    return stand_in


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_killed_while_writing_nothing_is_half_there(
    step: str, server: Pebble, site: Site, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.desired = desired(ingress(), spec=server.spec)
    _, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    held = kept.certificate(WEB_TLS)
    assert held is not None
    with monkeypatch.context() as patch:
        patch.setattr(Path if step == "replace" else os, step, killing(lambda *_: None, after=False))
        with pytest.raises(Killed):
            kept.keep(WEB_TLS, msgspec.structs.replace(held, chain="other"))
    assert kept.certificate(WEB_TLS) == held
    assert {p.stat().st_mode & 0o777 for p in folder.rglob("*.new")} == {0o600}
    kept.keep(WEB_TLS, held)
    assert not list(folder.rglob("*.new"))


def test_a_damaged_certificate_is_obtained_anew(
    server: Pebble, site: Site, folder: Path, clock: Clock
) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    _, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    path = next(folder.rglob("certificate.pem"))
    whole = path.read_text()
    other_key = order._new_key() + whole[whole.index("-----BEGIN CERT") :]
    for text in ("", whole[:300], whole[100:], other_key):
        path.write_text(text)
        assert kept.certificate(WEB_TLS) is None
    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    worker.work()
    assert WEB_TLS in ledger.complete(wants).contents


def test_a_folder_that_takes_nothing_asks_for_nothing(
    server: Pebble, site: Site, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "file").write_text("")
    site.desired = desired(ingress(), spec=server.spec)
    ledger, worker, _ = by_hand(server.spec, tmp_path / "file" / "certificates", site, clock)
    assert "nothing can be kept" in fails(worker, ledger)
    assert site.wakes == 1


def test_a_full_disk_at_the_last_moment(
    server: Pebble, site: Site, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    site.desired = wants = desired(ingress(), spec=server.spec)
    ledger, worker, kept = by_hand(server.spec, folder, site, clock)
    monkeypatch.setattr(kept, "keep", full)
    worker.work()
    assert WEB_TLS in ledger.complete(wants).contents
    assert "is in use, but isn't kept: [Errno 28] No space left on device" in ledger.complaints()[0]
    assert worker.work() > 86400


def test_closing_ends_what_is_under_way_and_counts_as_no_failure(
    server: Pebble, site: Site, folder: Path
) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    certifier = Certifier(server.spec, folder, lambda: None)
    certifier.complete(wants)
    end = time.monotonic() + 60
    while not certifier.complete(wants).challenges:
        assert time.monotonic() < end
        time.sleep(0.01)
    asking = certifier.complete(wants)
    assert asking is certifier.complete(wants)
    assert asking.contents is wants.contents
    began = time.monotonic()
    Timer(0.1, certifier.close).start()
    certifier.close()
    certifier.close()
    assert time.monotonic() - began < 30
    assert not list(folder.rglob("attempt.json"))
    assert site.asked == []


def test_what_nobody_wants_is_removed_when_it_has_ended(
    server: Pebble, site: Site, folder: Path, clock: Clock
) -> None:
    site.desired = desired(ingress(), spec=server.spec)
    _, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    held = kept.certificate(WEB_TLS)
    assert held is not None
    kept.tidy(set(), held.ends - 1)
    assert kept.certificate(WEB_TLS) is not None
    kept.tidy({WEB_TLS}, held.ends + 1)
    assert kept.certificate(WEB_TLS) is not None
    kept.tidy(set(), held.ends + 1)
    assert kept.certificate(WEB_TLS) is None
    assert list(folder.rglob("account.json"))


def test_without_a_server_it_only_complains(folder: Path) -> None:
    wants = desired(ingress(), spec=None)
    certifier = Certifier(None, folder, lambda: None)
    assert certifier.complete(wants) is wants
    assert "set spec.network.ingress.acme" in certifier.complaints()[0]
    mine = desired(ingress(), spec=None, secrets=(secret(),))
    assert certifier.complete(mine) is mine
    assert certifier.complaints() == ()
    certifier.close()
    assert not folder.exists()
