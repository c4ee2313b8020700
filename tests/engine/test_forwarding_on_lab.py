"""Docker's socket through sshd, forwarded or by a program in a session: each stands in for the other."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest

from reconciler.engine.connection.client import connect
from reconciler.engine.connection.ssh import SshLink
from reconciler.engine.fitness.doctor import examine
from reconciler.lab import Lab
from tests.engine.sshd import spec_of, sshd
from tests.engine.test_on_lab import status
from tests.fleet.site import until

pytestmark = pytest.mark.fleet


def test_without_socket_forwarding_dial_stdio_does_it(lab: Lab, tmp_path: Path) -> None:
    with sshd(lab, tmp_path, "AllowStreamLocalForwarding no") as spec:
        engine = connect(spec)
        threads = [threading.Thread(target=engine.call, args=("GET", "/info")) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert engine.call("GET", "/info")["Name"] == lab.nodes[0].name
        assert isinstance(engine.link, SshLink)
        assert not engine.link.forwards
        with ExitStack() as long_calls:
            for _ in range(7):  # more than long calls may have of one connection
                long_calls.enter_context(engine.stream("GET", "/events"))
            assert engine.call("GET", "/info")["Name"] == lab.nodes[0].name
        engine.close()
        report = examine(spec)
        assert status(report, "socket") == "warn"
        assert not report.failed


def test_forwarding_is_gone_back_to_after_a_refusal_that_passed(lab: Lab) -> None:
    """As while an Engine restarts: its socket refuses, and the shell finds it back a moment later."""
    engine = connect(spec_of(lab))
    link = engine.link
    assert isinstance(link, SshLink)
    refused = paramiko.ChannelException(2, "Connect failed")
    with pytest.MonkeyPatch.context() as late:
        late.setattr(link._transport, "open_socket", lambda *_: (_ for _ in ()).throw(refused))
        assert engine.call("GET", "/info")["Name"] == lab.nodes[0].name
        assert not link.forwards
    until(lambda: link.docker(10.0).close() is None and link.forwards, "forwarding again")
    assert engine.call("GET", "/info")["Name"] == lab.nodes[0].name
    engine.close()
