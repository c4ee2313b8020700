"""The jobs on a lab of three nodes, each beside the raw Engine API or Docker Swarm in the same run.

They are about pods alone, as the peers' are: the fleet has no network. `benchmarks.network` is about that.

python -m benchmarks.fleet [--runs 5] [--json benchmarks/results/results.json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import docker_api
from benchmarks.measure import Row, keep, quiet_failure, show, timed, wait_for
from benchmarks.swarm import swarm
from reconciler.engine.pods.naming import network_name
from reconciler.lab import Lab, samples

PODS = 30
KILLED = 15
"""Pods in the job that kills some."""
MINE = "reconciler.io/fleet=bench"

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  strategy: {{rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: web
          image: {image}
          {probe}
"""
SWARM = "com.docker.swarm.service.name=web"
PROBE = "readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}"


class Site:
    """A folder of manifests, an inventory and the command line, against a running lab."""

    def __init__(self, lab: Lab, root: Path, source: str) -> None:
        self.lab, self.root, self.apps = lab, root, root / "apps"
        self.apps.mkdir(parents=True)
        text = lab.nodes_yaml.read_text().replace(f"name: {lab.name}\n", "name: bench\n", 1)
        spec = f"  source:\n    {source}\n  serve: {{listen: '127.0.0.1:0'}}\n  network: {{enabled: false}}\n"
        (root / "nodes.yaml").write_text(text + spec)
        state = str(root / "state")
        self.env = os.environ | {"RECONCILER_STATE_DIR": state, "XDG_STATE_HOME": state}

    def write(self, tag: str, replicas: int, probe: str = "") -> None:
        image = f"{self.lab.registry}/web:{tag}"
        hidden = self.apps / ".new"
        hidden.write_text(DEPLOYMENT.format(image=image, replicas=replicas, probe=probe))
        hidden.rename(self.apps / "web.yaml")

    def apply(self) -> None:
        self.run("apply", "--timeout", "60s")

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "reconciler.cli", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=self.env, check=True, capture_output=True, text=True
        ).stdout

    def serve(self) -> subprocess.Popen[bytes]:
        log = (self.root / "serve.log").open("ab")
        command = [sys.executable, "-m", "reconciler.cli", "serve"]
        daemon = subprocess.Popen(command, cwd=self.root, env=self.env, stdout=log, stderr=log)
        wait_for(self._converged, every=0.1)
        return daemon

    def _converged(self) -> bool:
        seen = json.loads(self.run("status", "-o", "json"))
        return bool(seen["running"]) and seen["standing"] == "converged"


def cold_deploy(site: Site, runs: int) -> Row:
    """30 pods on 3 nodes that hold none, images present; the raw limit makes the same calls, no SSH."""
    lab, ours, raw = site.lab, [], []
    site.write("v1", PODS)
    site.apply()  # makes the nodes' pod networks
    networks = {n.name: network_name("bench") for n in lab.nodes}
    image = f"{lab.registry}/web:v1"
    for _ in range(runs):
        docker_api.clear(lab)
        ours.append(timed(site.apply))
        docker_api.clear(lab)
        raw.append(timed(lambda: docker_api.run_containers(lab, image, PODS // len(lab.nodes), networks)))
    docker_api.clear(lab)
    return Row("cold deploy of 30 pods, whole process", "s", ours, {"raw Engine calls": raw}, "<= 1.15 x raw")


def no_op(site: Site, runs: int) -> Row:
    site.write("v1", PODS)
    site.apply()
    bare = [timed(_bare_python) for _ in range(runs)]
    ours = [timed(site.apply) for _ in range(runs)]
    return Row("no-op apply, whole process", "s", ours, {"python -c pass": bare}, "<= 0.4 s")


def _bare_python() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def rolling(site: Site, runs: int) -> Row:
    """6 replicas one at a time, start first, HTTP readiness, by a running daemon."""
    site.write("v1", 6, PROBE)
    site.apply()
    daemon = site.serve()
    try:
        ours = []
        for number in range(runs):
            tag = ("v2", "v1")[number % 2]
            began = time.perf_counter()
            site.write(tag, 6, PROBE)
            wait_for(lambda tag=tag: _rolled(site.lab, tag))  # type: ignore[misc]  # bound at once
            ours.append(time.perf_counter() - began)
    finally:
        _end(daemon)
    return Row("6 replicas one by one, HTTP readiness", "s", ours, {}, "<= 2 s, >= 5 x faster than Swarm")


def _rolled(lab: Lab, tag: str) -> bool:
    tags = []
    for node in lab.nodes:
        raw = docker_api.Raw(node.socket)
        tags += [c["Image"] for c in raw.call("GET", "/containers/json")]
        raw.close()
    return len(tags) == 6 and all(t.endswith(f":{tag}") for t in tags)


def healed(site: Site, runs: int) -> Row:
    """From `docker kill` to running again, seen by asking the Engines every few milliseconds."""
    site.write("v1", KILLED)
    site.apply()
    daemon = site.serve()
    try:
        ours = kill_some(site.lab, MINE, runs)
    finally:
        _end(daemon)
    return Row("container killed to running again", "s", ours, {}, "<= 0.4 s")


def kill_some(lab: Lab, label: str, runs: int) -> list[float]:
    """A different container each time: one that dies again and again is made to wait, by everybody."""
    raw, eye = docker_api.Raw(lab.nodes[0].socket), docker_api.Eye(lab, label)
    killed, took = set[str](), []
    for _ in range(min(runs, KILLED // len(lab.nodes))):
        rows = raw.call("GET", f'/containers/json?filters={{"label":["{label}"]}}')
        victim = min(row["Id"] for row in rows if row["Id"] not in killed)
        killed.add(victim)
        raw.call("POST", f"/containers/{victim}/kill")
        took.append(wait_for(lambda: eye.running() == KILLED, every=0.02))
        time.sleep(1.5)
    raw.close()
    eye.close()
    return took


def no_op_pass(site: Site, passes: int = 200) -> Row:
    """One pass of the loop over 30 pods that are as they should be, in this process."""
    from reconciler.loop.once import Finish
    from reconciler.manifests.inventory import load_fleet
    from reconciler.wiring import one_shot, pick_source

    site.write("v1", PODS, PROBE)
    os.environ.update({k: v for k, v in site.env.items() if k.startswith(("RECONCILER", "XDG"))})
    fleet = load_fleet(site.root / "nodes.yaml")
    with one_shot(fleet, pick_source(fleet, None, None)) as loop:
        finish = Finish(60.0, 5.0)
        loop.run(finish, finish.nap)
        ours = [1000 * loop.turn().seconds for _ in range(passes)]
    return Row("no-op pass inside the daemon", "ms", ours, {}, "<= 20 ms")


def push_to_running(lab: Lab, root: Path, runs: int) -> Row:
    """From `git push` to the first container of that commit, with a hosted repository."""
    site = Site(lab, root, "hosted: {path: fleet.git}")
    daemon = _serve_hosted(site)
    repo = root / "work"
    git = ["git", "-C", str(repo), "-c", "user.name=b", "-c", "user.email=b@localhost"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    ours = []
    try:
        for number in range(runs + 1):
            image = f"{lab.registry}/web:v1"
            text = DEPLOYMENT.format(image=image, replicas=1, probe="").replace(
                "name: web}\nspec:\n  replicas", f"name: web-{number}}}\nspec:\n  replicas", 1
            )
            (repo / f"web-{number}.yaml").write_text(text)
            subprocess.run([*git, "add", "."], check=True)
            subprocess.run([*git, "commit", "-q", "-m", f"{number}"], check=True)
            push = [*git, "push", "-q", "-o", "detach", str(root / "fleet.git"), "HEAD:main"]
            began = time.perf_counter()
            subprocess.run(push, check=True, capture_output=True)
            wait_for(lambda number=number: docker_api.running(lab, MINE) > number)  # type: ignore[misc]
            ours.append(time.perf_counter() - began)
            time.sleep(0.5)
    finally:
        _end(daemon)
    return Row("git push to first container running", "s", ours[1:], {}, "<= 1 s")


def _serve_hosted(site: Site) -> subprocess.Popen[bytes]:
    log = (site.root / "serve.log").open("ab")
    command = [sys.executable, "-m", "reconciler.cli", "serve"]
    daemon = subprocess.Popen(command, cwd=site.root, env=site.env, stdout=log, stderr=log)
    wait_for((site.root / "fleet.git" / "reconciler.sock").exists)
    return daemon


def idle(site: Site, seconds: float = 20.0) -> list[Row]:
    """Memory and CPU of a daemon with 30 pods and nothing to do; and what a pass costs it."""
    site.write("v1", PODS, PROBE.replace("periodSeconds: 1", "periodSeconds: 10"))
    site.apply()
    daemon = site.serve()
    try:
        time.sleep(5.0)
        before = _cpu(daemon.pid)
        time.sleep(seconds)
        share = 100 * (_cpu(daemon.pid) - before) / seconds
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
    finally:
        _end(daemon)
    return [
        Row("daemon, 3 nodes, 30 pods probed each 10 s: memory", "MB", [memory], {}, "<= 90 MB"),
        Row("daemon, 3 nodes, 30 pods probed each 10 s: CPU", "% of a core", [share], {}, "<= 1 %"),
    ]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    daemon.wait(30)


def peers(lab: Lab, runs: int, rows: dict[str, Row]) -> None:
    """Swarm at the same jobs."""
    health = ["--health-cmd", "wget -qO- http://127.0.0.1:8080/healthz", "--health-interval", "1s"]
    order = ["--update-parallelism", "1", "--update-order", "start-first", "--stop-grace-period", "5s"]
    image = f"{lab.registry}/web"
    with swarm(lab) as peer:
        deploys = []
        for _ in range(runs):
            deploys.append(peer.create(f"{image}:v1", PODS))
            peer.remove()
        rows["cold"].peers["Docker Swarm"] = deploys
        peer.create(f"{image}:v1", 6, *health, *order)
        rolls = [peer.update(f"{image}:{('v2', 'v1')[n % 2]}") for n in range(max(2, runs // 2))]
        rows["rolling"].peers["docker service update"] = rolls
        peer.remove()
        peer.create(f"{image}:v1", KILLED, "--restart-delay", "0s")
        rows["healed"].peers["Swarm, restart delay 0"] = kill_some(lab, SWARM, runs)
        peer.remove()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--json", type=Path, default=Path("benchmarks/results/results.json"))
    given = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    with TemporaryDirectory() as folder:
        root = Path(folder)
        lab = Lab.up(name=f"bench-{os.getpid()}", directory=root / "lab")
        try:
            images = samples.push_all(lab)
            lab.pull(*images.values())
            site = Site(lab, root / "site", "directory: {path: apps}")
            rows: dict[str, Row] = {}
            jobs: list[tuple[str, Callable[[], Row]]] = [
                ("cold", partial(cold_deploy, site, given.runs)),
                ("noop", partial(no_op, site, given.runs)),
                ("rolling", partial(rolling, site, given.runs)),
                ("healed", partial(healed, site, given.runs)),
                ("pass", partial(no_op_pass, site)),
            ]
            for name, job in jobs:
                rows[name] = job()
                show([rows[name]])
            more = idle(site)
            docker_api.clear(lab)
            more.append(push_to_running(lab, root / "hosted", given.runs))
            docker_api.clear(lab)
            with quiet_failure("Swarm"):
                peers(lab, given.runs, rows)
            print("\nall of it:")
            found = [*rows.values(), *more]
            show(found)
            keep(found, given.json)
        finally:
            lab.down()


if __name__ == "__main__":
    main()
