"""Certificates from a real ACME server: obtained, kept, renewed."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.certificates import Certifier
from reconciler.certificates.folder import Folder
from reconciler.certificates.held import Held
from reconciler.certificates.timing import DAY_S
from reconciler.model.config import Secret
from tests.certificates.pebble import Pebble, pebble
from tests.certificates.site import WEB_TLS, Clock, Site, by_hand, desired, http_site, ingress

pytestmark = pytest.mark.programs("pebble", "pebble-challtestsrv", "setpriv")

HOSTS = ("web.example.org", "www.example.org")


def eventually(true: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_certificate_for_two_hosts(
    server: Pebble, site: Site, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.desired = wants = desired(ingress(hosts=HOSTS), spec=server.spec)
    certifier = site.side = Certifier(server.spec, folder, site.wake)
    assert certifier.complete(wants) is wants
    eventually(lambda: WEB_TLS in certifier.complete(wants).contents)
    certifier.close()

    complete = certifier.complete(wants)
    found = complete.contents[WEB_TLS]
    assert isinstance(found, Secret)
    assert found.type == "kubernetes.io/tls"
    assert complete.challenges == ()
    assert complete is certifier.complete(wants)
    assert {line.partition("/")[0] for line in site.asked} == set(HOSTS)
    assert certifier.complaints() == ()

    held = Folder(folder, server.directory).certificate(WEB_TLS)
    assert held is not None
    assert held.hosts == HOSTS
    assert held.chain.count("BEGIN CERTIFICATE") == 2
    assert found.contents() == {"tls.crt": held.chain.encode(), "tls.key": held.key.encode()}
    account = next(folder.rglob("account.json")).read_text()
    # The third line of such a key is the public part, which is in the certificate, too.
    secrets = [*held.key.splitlines()[1:3], account.partition('"d":"')[2].partition('"')[0]]
    assert all(secrets)
    for shown in (caplog.text, repr(complete), repr(held)):
        assert not any(line in shown for line in secrets)


def test_only_the_owner_reads_what_is_kept(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired = desired(ingress(), spec=server.spec)
    before = os.umask(0)
    try:
        by_hand(server.spec, folder, site, clock)[1].work()
    finally:
        os.umask(before)
    kept = [folder, *folder.rglob("*")]
    assert sorted(p.name for p in kept if p.is_file()) == ["account.json", "certificate.pem"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in kept if p.is_dir()} == {0o700}
    assert {stat.S_IMODE(p.stat().st_mode) for p in kept if p.is_file()} == {0o600}


def test_a_restart_asks_for_nothing(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    worker.work()
    first = ledger.complete(wants).contents[WEB_TLS]
    asked = list(site.asked)

    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    assert ledger.complete(wants).contents[WEB_TLS] == first
    assert worker.work() > 365 * DAY_S
    assert site.asked == asked
    looking = Certifier(server.spec, folder, site.wake, obtain=False)
    assert looking.complete(wants).contents[WEB_TLS] == first


def test_it_is_renewed_a_month_before_it_ends(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    ledger, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    first = ledger.complete(wants)
    held = kept.certificate(WEB_TLS)
    assert held is not None

    clock.ahead = held.ends - 31 * DAY_S - time.time()
    assert 0.9 * DAY_S < worker.work() < 1.1 * DAY_S
    assert ledger.complete(wants) is first
    clock.ahead += 1.2 * DAY_S
    worker.work()
    renewed = kept.certificate(WEB_TLS)
    assert renewed is not None
    assert renewed.key != held.key
    assert ledger.complete(wants).contents[WEB_TLS] != first.contents[WEB_TLS]


def test_what_has_ended_is_no_longer_given(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    site.desired = wants = desired(ingress(), spec=server.spec)
    ledger, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    held = kept.certificate(WEB_TLS)
    assert held is not None
    clock.ahead = held.ends - time.time() + 1
    assert ledger.complete(wants) is wants


def test_one_host_more_is_a_new_certificate_and_the_old_one_stays_meanwhile(
    server: Pebble, site: Site, folder: Path, clock: Clock
) -> None:
    site.desired = desired(ingress(hosts=HOSTS[:1]), spec=server.spec)
    ledger, worker, kept = by_hand(server.spec, folder, site, clock)
    worker.work()
    old = kept.certificate(WEB_TLS)
    site.desired = wants = desired(ingress(hosts=HOSTS), spec=server.spec)
    assert WEB_TLS in ledger.complete(wants).contents
    assert worker.work() == 0
    new = kept.certificate(WEB_TLS)
    assert isinstance(old, Held)
    assert isinstance(new, Held)
    assert (old.hosts, new.hosts) == (HOSTS[:1], HOSTS)
    assert worker.work() > DAY_S


def test_a_server_that_remembers_a_host_needs_no_challenge(
    tmp_path: Path, folder: Path, clock: Clock
) -> None:
    with pebble(tmp_path, reuse=100) as server, http_site(server.http_port) as site:
        site.desired = desired(ingress(), spec=server.spec)
        by_hand(server.spec, folder, site, clock)[1].work()
        asked = list(site.asked)
        site.desired = wants = desired(ingress(secret="other-tls"), spec=server.spec)
        ledger, worker, _ = by_hand(server.spec, folder, site, clock)
        worker.work()
        assert [key.name for key in ledger.complete(wants).contents] == ["other-tls"]
        assert site.asked == asked


@pytest.mark.parametrize("lost", ["server", "account"])
def test_an_account_that_one_side_has_lost(
    lost: str, server: Pebble, site: Site, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    """The server's memory: the key registers anew. Ours: the file is damaged, and a new account is made."""
    site.desired = wants = desired(ingress(), spec=server.spec)
    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    account = folder / Folder(folder, server.directory).path.name / "account.json"
    worker.work()
    text = account.read_text()
    next(folder.rglob("certificate.pem")).unlink()
    account.write_text(text.replace("/my-account/", "/my-account/x") if lost == "server" else text[:40])

    ledger, worker, _ = by_hand(server.spec, folder, site, clock)
    worker.work()
    clock.ahead = 61
    worker.work()
    assert WEB_TLS in ledger.complete(wants).contents


def test_a_known_key_keeps_its_account(server: Pebble, site: Site, folder: Path, clock: Clock) -> None:
    """Killed after registering and before its URL was kept."""
    site.desired = desired(ingress(), spec=server.spec)
    by_hand(server.spec, folder, site, clock)[1].work()
    account = next(folder.rglob("account.json"))
    text = account.read_text()
    next(folder.rglob("certificate.pem")).unlink()
    account.write_text(text.replace('"uri"', '"was"'))
    by_hand(server.spec, folder, site, clock)[1].work()
    assert account.read_text() == text
