"""How soon traffic follows a decision: a switch, an abort, an undoing, an analysis' verdict.

python -m benchmarks.delivery [--runs 5] [--json benchmarks/results/delivery.json]

On a lab of three nodes with a hosted repository and a running daemon; two minutes. A time begins when the
order is given, or when what is measured has been answered, and ends with the last answer that a client on any
node had from the version that is being left. Beside it stands the raw limit, by the same clients: one command
to HAProxy over a session such as the reconciler has with each node, on all nodes at once.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Row, keep, show, table
from benchmarks.node_container import NodeContainer
from reconciler.engine.connection.client import connect
from reconciler.engine.dataplane.container import node_container
from reconciler.engine.dataplane.session import Session
from reconciler.engine.rendering.slots import LIVE_MAP
from reconciler.lab import Lab, samples
from reconciler.manifests.inventory import load_fleet
from reconciler.model.delivery import Verb
from tests.fleet.load import load
from tests.fleet.rollouts import Course, delivering, rollout, services
from tests.fleet.site import until
from tests.measuring.server import Asked, serving

RATE = 100.0
"""Requests a second of each client. Each node has two, of kept and of new connections."""
AFTER_S = 1.5
"""How long clients go on asking, and nearly how long a decision may take to count at all."""
TOLD_S = 1.0
"""Until the proxies have surely been told of the pods that have just come."""
TARGET = "target: < 300 ms"
UNDO_TARGET = "target: < 1000 ms"

BLUE_GREEN = """
    blueGreen: {activeService: app, previewService: app-preview, autoPromotionEnabled: false,
                scaleDownDelaySeconds: 300}
"""
CANARY = """
    canary: {canaryService: app-canary, stableService: app-stable, trafficRouting: {},
             scaleDownDelaySeconds: 1, abortScaleDownDelaySeconds: 300,
             steps: [{setWeight: 50}, {pause: {}}], %s}
"""
BACKGROUND = "analysis: {templates: [{templateName: asked}]}"


def asked_every_second(url: str) -> str:
    """A metric that is bad as soon as the server says so."""
    return f"""
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: asked}}
spec:
  metrics:
    - {{name: good, interval: 1s, successCondition: result.good, provider: {{web: {{url: "{url}"}}}}}}
"""


def left(course: Course, version: str, deed: Callable[[], float]) -> float:
    """Milliseconds from what the deed says until nobody hears of the version any more."""
    url = f"http://{course.place.ip('app')}/"
    with ExitStack() as stack:
        runs = [
            stack.enter_context(
                load(
                    url,
                    connections=4,
                    rate=RATE,
                    keep_alive=keep_alive,
                    at=course.place.lab.entering(node.name),
                )
            )
            for node in course.place.lab.nodes
            for keep_alive in (True, False)
        ]
        time.sleep(0.5)
        began = deed()
        time.sleep(AFTER_S)
    results = [run.result for run in runs]
    if failed := [str(result) for result in results if result.failed]:
        raise RuntimeError(f"requests failed: {failed}")
    last = [seen[2] for result in results for who, seen in result.seen.items() if who.startswith(version)]
    if not last or max(last) > began + 0.8 * AFTER_S:
        raise RuntimeError(f"{version} wasn't left: {[sorted(r.seen) for r in results]}")
    return 1000 * (max(last) - began)


def ordering(course: Course, verb: Verb) -> Callable[[], float]:
    def deed() -> float:
        began = time.time()
        course.order(verb)
        return began

    return deed


def blue_green(lab: Lab, root: Path, runs: int) -> list[Row]:
    """To and fro: each run is a preview, a switch and its undoing within the delay."""

    def text(version: str, number: int) -> str:
        env = f"{{name: NUMBER, value: '{number}'}}"
        image = f"{lab.registry}/app:{version}"
        return rollout(image, BLUE_GREEN, env=env) + services("app-preview")

    switched, undone, raw = [], [], []
    with delivering(lab, root, text("v1", 0)) as course, sessions(course) as tell:
        for number in range(runs):
            course.push(text("v2", number))
            course.reaches("Paused")
            time.sleep(TOLD_S)
            slot = live(course)
            for one, version in (("b" if slot == "a" else "a", "v1"), (slot, "v2")):
                raw.append(left(course, version, lambda one=one: tell(one)))  # type: ignore[misc]
            switched.append(left(course, "v1", ordering(course, "promote")))
            undone.append(left(course, "v2", ordering(course, "undo")))
    limit = {"raw: set map, three sessions": raw}
    return [
        Row("promote to all proxies switched (blue-green)", "ms", switched, limit, TARGET),
        Row("undo within the delay to all switched", "ms", undone, limit, UNDO_TARGET),
    ]


def live(course: Course) -> str:
    """The slot that is live on the first node, by HAProxy's word."""
    container = NodeContainer(course.place.lab, course.place.lab.nodes[0], course.place.fleet)
    return next(line.split()[2] for line in container.haproxy(f"show map {LIVE_MAP}").splitlines() if line)


@contextmanager
def sessions(course: Course) -> Iterator[Callable[[str], float]]:
    """Tells every node's HAProxy, all at once, which slot is live; returns when that began."""
    with ExitStack() as stack:
        found = []
        for spec in load_fleet(course.place.inventory).spec.nodes:
            engine = connect(spec)
            stack.callback(engine.close)
            session = Session(engine, node_container(course.place.fleet))
            stack.callback(session.close)
            session.complaints()  # it is open now
            found.append(session)
        pool = stack.enter_context(ThreadPoolExecutor(len(found)))

        def tell(slot: str) -> float:
            began = time.time()
            command = {"commands": f"set map {LIVE_MAP} default_app {slot}\n".encode()}
            list(pool.map(lambda session: session.commit(command, (), reload=False), found))
            return began

        yield tell


def canary(lab: Lab, root: Path, runs: int) -> list[Row]:
    """Each run is a canary at 50 % that somebody aborts, and one that an analysis aborts."""
    good, told = True, 0.0

    def answer(_: Asked) -> tuple[int, dict[str, str], object]:
        nonlocal told
        told = told if good else told or time.time()
        return 200, {}, {"good": good}

    def text(version: str, number: int, more: str = "") -> str:
        env = f"{{name: NUMBER, value: '{number}'}}"
        image = f"{lab.registry}/app:{version}"
        strategy = rollout(image, CANARY % more, env=env)
        return strategy + services("app-stable", "app-canary") + asked_every_second(there.url)

    def verdict() -> float:
        nonlocal good, told
        good, told = False, 0.0
        until(lambda: bool(told), "it was asked", within=5.0)
        return told

    aborted, judged = [], []
    with serving(answer) as there, delivering(lab, root, text("v1", 0)) as course:
        for number in range(runs):
            course.push(text("v2", number))
            course.reaches("Paused")
            time.sleep(TOLD_S)
            aborted.append(left(course, "v2", ordering(course, "abort")))
            good = True
            course.push(text("v2", runs + number, BACKGROUND))
            course.reaches("Paused")
            time.sleep(TOLD_S)
            judged.append(left(course, "v2", verdict))
            course.reaches("Degraded")
    return [
        Row("abort to 0 % canary traffic", "ms", aborted, target=TARGET),
        Row("bad measurement to 0 % canary traffic", "ms", judged, target=TARGET),
    ]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--json", type=Path, default=Path("benchmarks/results/delivery.json"))
    given = options.parse_args()
    lab = Lab.up(name=f"bench-{os.getpid()}")
    try:
        lab.pull(*samples.push_apps(lab).values())
        with TemporaryDirectory() as root:
            rows = blue_green(lab, Path(root) / "blue-green", given.runs)
            rows += canary(lab, Path(root) / "canary", given.runs)
    finally:
        lab.down()
    for row in rows:
        row.peers = row.peers or rows[0].peers
    show(rows)
    print(table(rows))
    keep(rows, given.json)


if __name__ == "__main__":
    main()
