"""An engine that maps users (userns-remap): every pod starts, and each reads what is its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from reconciler.lab import samples
from tests.fleet.networking import Place, get, service, serving
from tests.fleet.plugin import guarded_lab
from tests.fleet.site import until

pytestmark = [pytest.mark.fleet, pytest.mark.engines]

CONTENTS = """
apiVersion: v1
kind: Secret
metadata: {name: word}
stringData: {word: friend}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: pages}
data: {index.html: "mapped\\n"}
"""


def pod(name: str, image: str, port: int, spec: str = "", container: str = "", more: str = "") -> str:
    """A web server whose program is user 1000, reads a Secret that only its group may, and shows it."""
    script = (
        f"mkdir -p /srv/www && cat /word/word > /srv/www/index.html && exec httpd -f -p {port} -h /srv/www"
    )
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {{runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000}}
{spec}
  containers:
    - name: web
      image: {image}
      command: [sh, -c, {json.dumps(script)}]
{container}
      volumeMounts: [{{name: word, mountPath: /word}}, {{name: work, mountPath: /work}}]
{more}
  volumes:
    - {{name: word, secret: {{secretName: word, defaultMode: 0o440}}}}
    - {{name: work, emptyDir: {{}}}}
"""


HOST = "  hostNetwork: true"
PRIVILEGED = "      securityContext: {privileged: true}"


def beside(image: str) -> str:
    return f"    - {{name: beside, image: {image}, command: [sleep, '1000000']}}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Below a folder that the mapped users may pass through, which those of root and of pytest aren't."""
    root = Path(mkdtemp(dir="/var/tmp"))
    root.chmod(0o755)
    (root / "engine").mkdir()
    (root / "engine" / "daemon.json").write_text('{"userns-remap": "pi"}')
    try:
        with guarded_lab("mapped", nodes=1, engine=root / "engine", root=root) as lab:
            image = samples.push_web(lab, "v1")
            text = (
                CONTENTS
                + pod("plain", image, 8080)
                + pod("wide", image, 8081, spec=HOST)
                + pod("strong", image, 8080, container=PRIVILEGED)
                + pod("two", image, 8082, spec=HOST, more=beside(image))
                + service(
                    "plain",
                    "type: NodePort, selector: {app: plain}, "
                    "ports: [{port: 80, targetPort: 8080, nodePort: 30080}]",
                )
            )
            with serving(lab, tmp_path_factory.mktemp("mapped"), text) as ready:
                yield ready
    finally:
        shutil.rmtree(root)


def test_pods_with_and_without_the_nodes_namespaces_read_their_secret(place: Place) -> None:
    node = place.lab.nodes[0]
    at = place.lab.entering(node.name)
    ips = place.pod_ips()
    for url in (f"http://{ips['plain']}:8080/", f"http://{ips['strong']}:8080/"):
        assert get(url, at=at) == "friend"
    for port in (8081, 8082, 30080):
        assert get(f"http://{node.ip}:{port}/") == "friend"


def test_only_those_that_must_have_the_nodes_users(place: Place) -> None:
    mapped = {}
    for one in place.pods():
        pid = place.lab.docker(one.node, "inspect", "--format", "{{.State.Pid}}", one.id)
        table = place.lab.exec(one.node, ["cat", f"/proc/{pid}/uid_map"]).stdout.split()
        mapped[one.pod] = table[1] != "0"
    assert mapped == {"plain": True, "wide": False, "strong": False, "two": False}


def test_the_check_says_that_users_are_mapped(place: Place) -> None:
    done = place.run("nodes", "check", check=False)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout
    assert "userns-remap" in done.stdout, done.stdout


def test_a_restarted_node_container_serves_again(place: Place) -> None:
    node = place.lab.nodes[0]
    place.lab.docker(node.name, "restart", "test__node")
    until(lambda: get(f"http://{node.ip}:30080/") == "friend", "it serves again", place.tell)
