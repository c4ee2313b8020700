"""The lab as pytest fixtures, for the tests of every room (registered in tests/conftest.py).

`lab`        three real nodes for the whole run; sample images are in its registry and on its nodes
`apps`       images of a server that behaves as real programs do, on those nodes
`clean_lab`  the same lab, with everything undone before and after the test: containers, cut links, power

RECONCILER_LAB_ENGINE names a folder with another engine for that lab (`reconciler lab engine`); `make
engines` runs with several of them what depends on the engine.

Mark such tests `fleet`; they run after all others. Where no lab can run they skip, saying why; with
RECONCILER_LAB=required any skip, also of another test, is a failure.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import LabError
from reconciler.lab import Lab, guard, other_engine, process, requirements, samples, state
from reconciler.lab.state import LabNode

if TYPE_CHECKING:
    import docker

MTU = 1500
EMPTY_S = 30.0
BUILT_IN = frozenset({"bridge", "host", "none", "podman"})
REQUIRED = os.environ.get("RECONCILER_LAB") == "required"
ENGINE = os.environ.get("RECONCILER_LAB_ENGINE", "")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first: a mistake shows before the first node boots."""
    for mark in ("fleet", "programs"):
        for path in {item.path for item in items if item.get_closest_marker(mark)}:
            if f"mark.{mark}" not in path.read_text():
                raise pytest.UsageError(
                    f"{path}: a test marked {mark} from elsewhere; write mark.{mark} here, where make looks"
                )
    items.sort(key=lambda item: item.get_closest_marker("fleet") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected = hasattr(report, "wasxfail")
    if REQUIRED and report.skipped and not expected:
        report.outcome, report.longrepr = "failed", f"must not skip here: {report.longreprtext}"
    return report


def require_lab() -> None:
    """Skip where no lab can run."""
    try:
        requirements.check()
    except LabError as error:
        pytest.skip(f"no lab here: {error}")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with guarded_lab(engine=Path(ENGINE) if ENGINE else None) as running:
        images = samples.push_all(running)
        running.pull(*images.values())
        yield running


@contextmanager
def guarded_lab(
    name: str = "test", *, nodes: int = 3, engine: Path | None = None, root: Path | None = None
) -> Iterator[Lab]:
    """A lab that doesn't outlive this process, however that ends. `root` is where its folder goes."""
    require_lab()
    guard.remove_orphans(state.state_root())
    me = os.getpid()
    directory = state.directory_of(f"{name}-{me}", root / name if root else None)
    guard.watch(directory)
    running = Lab.up(f"{name}-{me}", nodes, directory, engine=engine, owner=process.token(me))
    try:
        yield running
    finally:
        running.down()


def fetched_engine(name: str) -> Path:
    """Skip where Debian can't be reached."""
    try:
        return other_engine.fetch(name)
    except LabError as error:
        pytest.skip(f"no engine {name} here: {error}")


@pytest.fixture(scope="session")
def apps(lab: Lab) -> dict[str, str]:
    """`app:v1` and so on -> full reference, on every node (reconciler/lab/sample_app.py)."""
    images = samples.push_apps(lab)
    lab.pull(*images.values())
    return images


@pytest.fixture
def clean_lab(lab: Lab) -> Iterator[Lab]:
    restore(lab)
    yield lab
    restore(lab)


def restore(lab: Lab) -> None:
    """Power, links and engines on; nothing but Docker's own networks, and no records of pods that
    have ended. Images stay.
    """
    lab.start_registry()
    with ThreadPoolExecutor(len(lab.nodes)) as pool:
        list(pool.map(lambda node: _restore(lab, node), lab.nodes))


def empty(lab: Lab) -> None:
    """Nothing but Docker's own networks; for a lab that is well otherwise."""
    with ThreadPoolExecutor(len(lab.nodes)) as pool:
        list(pool.map(_empty, lab.nodes))


def _restore(lab: Lab, node: LabNode) -> None:
    lab.start(node.name)
    lab.start_engine(node.name)
    if lab.is_cut(node.name):
        lab.heal(node.name)
    if lab.mtu(node.name) != MTU:
        lab.set_mtu(node.name, MTU)
    if not _listens(node):
        lab.reboot(node.name)
    _empty(node)
    shutil.rmtree(node.directory / "lib" / "reconciler", ignore_errors=True)
    _unlink(lab, node)


def _listens(node: LabNode) -> bool:
    try:
        socket.create_connection((node.ip, 22), timeout=2).close()
    except OSError:
        return False
    return True


def _unlink(lab: Lab, node: LabNode) -> None:
    """What a node container leaves in the node's network when it is killed outright."""
    rules = lab.exec(node.name, ["iptables-save", "-t", "nat"]).stdout
    if "RECONCILER" in rules or "reconciler1" in lab.exec(node.name, ["cat", "/proc/net/dev"]).stdout:
        lab.exec(node.name, ["sh", "-c", _UNLINK])


_UNLINK = """exec 2>/dev/null
ip link del reconciler1
ip route del local 10.43.0.0/16 dev lo
for hook in PREROUTING OUTPUT; do iptables -w -t nat -D $hook -j RECONCILER-SVC; done
iptables -w -t nat -D POSTROUTING -j RECONCILER-POST
for chain in RECONCILER-SVC RECONCILER-POST; do
  iptables -w -t nat -F $chain
  iptables -w -t nat -X $chain
done
iptables -w -D DOCKER-USER -o reconciler0 -m conntrack --ctstate DNAT -j ACCEPT
true"""


def _empty(node: LabNode) -> None:
    """What a test or its reconciler began to remove goes meanwhile: until then the Engine refuses, or has a
    volume or a network in use.
    """
    import docker
    from docker.errors import APIError

    client = docker.DockerClient(base_url=node.docker_host, timeout=60)
    end = time.monotonic() + EMPTY_S
    try:
        while True:
            try:
                _remove_everything(client)
                return
            except APIError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)
    finally:
        client.close()


def _remove_everything(client: docker.DockerClient) -> None:
    for container in client.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    for volume in client.volumes.list():
        volume.remove(force=True)
    for network in client.networks.list():
        if network.name not in BUILT_IN:
            network.remove()
