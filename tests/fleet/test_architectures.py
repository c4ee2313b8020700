"""Nodes and images of ARM machines, which most homes' fleets are made of: emulated, one architecture a node.

What the emulator can't do is to speak to the kernel's netfilter and of its bridges: iptables, nft, conntrack,
ip and bridge are this machine's own. HAProxy, dnsmasq, socat and the shell of the scripts are the
architecture's. Nor does it pass sockets on to another process: here HAProxy opens its own at each reload,
where on real machines it takes over those of the one before. And it doesn't tell where a redirected
connection was to go (SO_ORIGINAL_DST), by which Services are found: so requests come by Ingress.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from reconciler.debian import deb, packages
from reconciler.debian.packages import PackageUnavailable
from reconciler.engine.node_image import archive, build, layout
from reconciler.errors import LabError
from reconciler.lab import Lab, emulation
from reconciler.lab.image import ImageSpec
from tests.fleet.ingresses import ask, ingress
from tests.fleet.networking import Place, service
from tests.fleet.plugin import guarded_lab
from tests.fleet.say import addresses
from tests.fleet.site import until

pytestmark = [pytest.mark.fleet, pytest.mark.engines, pytest.mark.timeout(900)]

NODES = {"pi-1": "arm64", "pi-2": "armhf", "pi-3": "armel"}
"""A node -> Debian's architecture of its node container, and of an image that its pods could have."""
PLATFORMS = {"arm64": "linux/arm64/v8", "armhf": "linux/arm/v7", "armel": "linux/arm/v6"}
MACHINES = {"arm64": "aarch64", "armhf": "armv7l", "armel": "armv7l"}
"""What `uname -m` says there; the emulator has one machine for both ARMs of 32 bits."""
EMULATED_S = 300.0
"""For what an emulated node container does at its own pace."""
BY_NETLINK = ("usr/sbin/*tables*", "usr/sbin/nft", "usr/sbin/conntrack", "usr/sbin/bridge", "usr/bin/ip")
BALANCE = "node.d/balance.sh"
APPLETS = ("sh", "httpd", "uname", "mkdir", "sleep", "cat")
SCRIPT = "mkdir -p /tmp/www; uname -m > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"

Trees = dict[str, dict[str, deb.File]]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Debian's architecture -> the files of the node image's packages."""
    try:
        return {name: deb.tree(packages.fetch(layout.PACKAGES, name)) for name in ("amd64", *NODES.values())}
    except PackageUnavailable as error:
        pytest.skip(f"no packages here: {error}")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        with emulation.emulated(), guarded_lab("arm") as running:
            yield running
    except LabError as error:
        pytest.skip(f"no emulation here: {error}")


@pytest.fixture(scope="module")
def place(lab: Lab, trees: Trees, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Every node container is of its node's architecture; of each there is a pod, by an image of its own, and
    one of an image for several.
    """
    for node, name in NODES.items():
        load(lab, node, node_image(trees, name))
    specs = {name: spec(tmp_path_factory.mktemp(name), trees[name], name) for name in NODES.values()}
    images = {name: lab.image(f"web:{name}", one) for name, one in specs.items()}
    own = spec(tmp_path_factory.mktemp("amd64"), trees["amd64"], "")
    images["index"] = lab.index(
        "web:index", {"linux/amd64": own, **{PLATFORMS[name]: one for name, one in specs.items()}}
    )
    text = "".join(deployment(name, image) for name, image in images.items())
    text += ingress("arm", {f"{name}.test": {"/": name} for name in images})
    ready = Place(lab, tmp_path_factory.mktemp("arm"))
    ready.write(text, "all.yaml")
    with ready.serve():
        until(ready.converged, "it converged", ready.tell, EMULATED_S)
        yield ready


def node_image(trees: Trees, name: str) -> archive.Image:
    """As the reconciler builds it, but with this machine's programs for netlink and their libraries."""
    native = layout.files(trees["amd64"], "amd64")
    mine = {path: file for path, file in native.items() if any(fnmatchcase(path, p) for p in BY_NETLINK)}
    own = layout.files(trees[name], name)
    script = own[BALANCE].content
    for handed_over, let_go in (
        (b'from="-x $SOCKET"', b"from="),
        (b'clear_doors "$from"', b"rm -f $NET/run/on-*"),
    ):
        assert handed_over in script
        script = script.replace(handed_over, let_go)
    own[BALANCE] = own[BALANCE]._replace(content=script)
    return archive.image(name, {**native, **own, **mine}, build.recipe())


def load(lab: Lab, node: str, image: archive.Image) -> None:
    """The reconciler takes an image of its recipe that is there already."""
    command = ["docker", "--host", lab.node(node).docker_host, "load", "--quiet"]
    subprocess.run(command, input=image.archive, check=True, capture_output=True, timeout=120)


def spec(folder: Path, tree: dict[str, deb.File], name: str) -> ImageSpec:
    """Busybox of that architecture and nothing else; no name: this machine's."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "busybox").write_bytes(tree["usr/bin/busybox"].content)
    (programs / "busybox").chmod(0o755)
    (folder / "tmp").mkdir()
    for applet in APPLETS:
        (programs / applet).symlink_to("busybox")
    command = ("sh", "-c", SCRIPT)
    return ImageSpec(directory=folder, busybox=False, command=command, platform=PLATFORMS.get(name, ""))


def deployment(name: str, image: str) -> str:
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: {image}
          ports: [{{containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
""" + service(name, f"type: NodePort, selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]")


def test_every_node_container_is_of_its_own_architecture(place: Place) -> None:
    for node, name in NODES.items():
        said = place.lab.docker(node, "exec", "test__node", "uname", "-m")
        assert said == MACHINES[name]
        command = ("exec", "test__node", "haproxy", "-v")
        assert place.lab.docker(node, *command).startswith("HAProxy version 2.")


def test_a_request_gets_through_every_nodes_proxy_to_pods_of_every_architecture(place: Place) -> None:
    for node in place.lab.nodes:
        for name in NODES.values():
            assert ask(node.ip, f"http://{name}.test/").body == f"{MACHINES[name]}\n"


def test_every_nodes_name_server_answers_its_pods(place: Place) -> None:
    for node, pods in place.pods_by_node().items():
        if pods:
            assert addresses("arm64", at=place.inside(node)) == [place.ip("arm64")]


def test_an_image_for_several_gives_a_node_what_it_can_run(place: Place) -> None:
    assert ask(place.lab.nodes[0].ip, "http://index.test/").body == "x86_64\n"


def test_the_check_names_images_of_other_architectures(place: Place) -> None:
    done = place.run("nodes", "check", check=False)
    assert "web:arm64 (arm64)" in done.stdout and "web:armel (arm)" in done.stdout, done.stdout
    assert "web:index" not in done.stdout, done.stdout


def test_a_rolling_update_reaches_every_architectures_proxy(place: Place) -> None:
    text = (place.apps / "all.yaml").read_text()
    place.release(text.replace("replicas: 1", "replicas: 2"), within=EMULATED_S)
    until(lambda: len(place.pods()) == 8, "two pods of each run", place.tell)
    for node in place.lab.nodes:
        assert ask(node.ip, "http://arm64.test/").body == "aarch64\n"
