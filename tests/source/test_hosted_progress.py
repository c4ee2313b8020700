"""What a pusher sees of the rollout, with a daemon, without one, and when either of them leaves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable

import msgspec
import pytest

from reconciler.model.observed import NodeFacts, NodeState
from reconciler.source.hosted import SOCKET, HostedRepository
from tests.manifests.build import deployment
from tests.source.conftest import Work, shown, until
from tests.source.hosting import GOOD, Daemon

pytestmark = pytest.mark.programs


def test_a_push_shows_the_rollout_until_it_converged(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon]
) -> None:
    served = daemon(["start web-1 on pi-1: wanted", "web: converged, 1 of 1", "exit: 0"])
    commit = clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main")
    assert "remote: start web-1 on pi-1: wanted" in said
    assert "remote: converged" in said
    assert served.asked[-2:] == ["POST /wake HTTP/1.0", f"GET /follow/{commit} HTTP/1.0"]
    snapshot = hosted.fetch()
    assert snapshot.revision.id == commit
    assert shown(snapshot.root) == {"a.yaml": GOOD % 1}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["exit: 1 web: progress deadline exceeded"], "not converged: web: progress deadline exceeded"),
        (["exit: 1 superseded by 1234567"], "not converged: superseded by 1234567"),
        (["start web-1"], "the reconciler was stopped; the push is kept"),
    ],
)
def test_a_rollout_that_fails_is_told_and_the_push_stays(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon], lines: list[str], said: str
) -> None:
    daemon(lines)
    commit = clone.commit({"a.yaml": GOOD % 1})
    assert f"remote: {said}" in clone.git("push", "origin", "main")
    assert hosted.fetch().revision.id == commit


def test_detached_it_returns_at_once(clone: Work, daemon: Callable[..., Daemon]) -> None:
    served = daemon([], hold=threading.Event())
    clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "-o", "detach", "origin", "main")
    assert "remote: detached" in said
    assert not any("/follow" in line for line in served.asked)
    assert served.asked[-1] == "POST /wake HTTP/1.0"


def test_without_a_daemon_the_push_is_kept_and_it_says_so(clone: Work, hosted: HostedRepository) -> None:
    commit = clone.commit({"a.yaml": GOOD % 1})
    said = clone.git("push", "origin", "main")
    assert "remote: the reconciler isn't running here; the push is kept" in said
    assert hosted.fetch().revision.id == commit


def test_a_dead_daemons_socket_is_no_daemon(clone: Work, hosted: HostedRepository) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(hosted.path / SOCKET))
    left.close()
    clone.commit({"a.yaml": GOOD % 1})
    assert "isn't running here" in clone.git("push", "origin", "main")


def test_ctrl_c_of_the_pusher_hurts_nobody(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon]
) -> None:
    hold = threading.Event()
    served = daemon(["start web-1"], hold)
    commit = clone.commit({"a.yaml": GOOD % 1})
    push = subprocess.Popen(
        ["git", "-C", str(clone.path), "push", "origin", "main"],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until(lambda: any("/follow" in line for line in served.asked))
    os.killpg(push.pid, signal.SIGINT)
    push.communicate(timeout=60)
    hold.set()
    assert served.hung_up.wait(60), "the hook ended with its pusher"
    assert hosted.fetch().revision.id == commit
    clone.commit({"a.yaml": GOOD % 2})
    assert "detached" in clone.git("push", "-o", "detach", "origin", "main")


def test_a_push_that_no_node_could_hold_is_refused(
    clone: Work, hosted: HostedRepository, daemon: Callable[..., Daemon]
) -> None:
    facts = NodeFacts(cpu_milli=4000, memory=8 * 2**30)
    daemon([]).observed = msgspec.json.encode((NodeState(name="pi-1", reachable=True, facts=facts),))
    clone.commit({"a.yaml": deployment(container="resources: {requests: {memory: 16Gi}}")})
    said = clone.git("push", "origin", "main", check=False)
    assert "requests 16Gi together, and the largest node has 8Gi" in said
    assert "pre-receive hook declined" in said
