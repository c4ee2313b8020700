"""The lab as others see it: one object, one method for each thing that can be done to it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import LabError
from reconciler.lab import down, engine, inventory, network, node, process, registry, requirements, up
from reconciler.lab.command import run
from reconciler.lab.state import LabNode, LabState, directory_of, load

if TYPE_CHECKING:
    from reconciler.lab.image import ImageSpec
    from reconciler.lab.status import NodeStatus

DEFAULT_NAME = "lab"


class Lab:
    """A running lab. Every method that names a node raises LabError when there is no such node."""

    def __init__(self, state: LabState) -> None:
        self.state = state
        self.name, self.directory, self.nodes = state.name, state.directory, state.nodes
        self.registry = state.registry
        self.nodes_yaml = inventory.nodes_yaml(state.directory)
        self.known_hosts = inventory.known_hosts(state.directory)
        self.identity = inventory.identity(state.directory)

    @classmethod
    def up(
        cls,
        name: str = DEFAULT_NAME,
        nodes: int = 3,
        directory: Path | None = None,
        *,
        prefix: str = "pi",
        subnet: str = "",
        engine: Path | None = None,
        owner: str = "",
    ) -> Lab:
        """Start one. Nodes are called `<prefix>-1` and so on. What a failed start began is removed.

        `engine` is a folder with another engine or with settings for it (`reconciler.lab.other_engine`).
        """
        place = directory_of(name, directory)
        taken = engine.absolute() if engine else None
        wanted = LabState(name=name, directory=place, count=nodes, prefix=prefix, engine=taken, owner=owner)
        return cls(up.up(wanted, subnet))

    @classmethod
    def find(cls, name: str = DEFAULT_NAME, directory: Path | None = None) -> Lab:
        """One that was started before. Raises LabError when there is none."""
        place = directory_of(name, directory)
        requirements.check()
        state = load(place)
        if state is None or not state.subnet:
            raise LabError(f"no lab {name}", where=str(place), remedy="start one: reconciler lab up")
        return cls(state)

    def down(self) -> None:
        down.down(self.directory)

    def node(self, name: str) -> LabNode:
        return self.state.node(name)

    def status(self) -> list[NodeStatus]:
        from reconciler.lab.status import status

        return status(self.state)

    def exec(
        self, name: str, argv: list[str], *, check: bool = True, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a node, as root. Raises LabError when it fails, unless `check` is off."""
        command = [*self.entering(name), *argv]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise LabError(f"`{shlex.join(argv)}` exited {done.returncode}: {said}", where=f"node {name}")
        return done

    def entering(self, name: str) -> list[str]:
        """The words before a command that make it run on a node."""
        return node.entering(self.state, self.node(name))

    def entering_container(self, name: str, container: str) -> list[str]:
        """The words before a command of this machine that make it run in a container's network, with its
        DNS and hosts. Files and programs are the node's. Raises LabError when the container isn't running.
        """
        where = "{{.State.Pid}} {{.ResolvConfPath}} {{.HostsPath}}"
        pid, *files = self.docker(name, "inspect", "--format", where, container).split(" ")
        if pid == "0":
            raise LabError(f"container {container} isn't running", where=f"node {name}")
        return [*self.entering(name), *node.in_network_of(int(pid), *files)]

    def docker(self, name: str, *arguments: str, timeout: float = 60.0) -> str:
        """What this machine's `docker` prints when it is asked of a node's engine."""
        host = self.node(name).docker_host
        return run(
            [engine.program_of(self.state, "docker"), "--host", host, *arguments], timeout=timeout
        ).strip()

    def cut(self, name: str) -> None:
        """Drop everything on the node's link, both ways. Containers go on."""
        network.set_link(self.state, self._running(name), up=False)

    def heal(self, name: str) -> None:
        network.set_link(self.state, self._running(name), up=True)

    def is_cut(self, name: str) -> bool:
        return not network.is_link_up(self.state, self._running(name))

    def set_mtu(self, name: str, mtu: int) -> None:
        """The largest packet that the node's link takes, until the node is started again; 1500 as made.

        Both ends: the node knows. What others send it that is larger is dropped and nobody told, as by
        any switch.
        """
        network.set_mtu(self.state, self._running(name), mtu)
        self.exec(name, ["ip", "link", "set", "eth0", "mtu", str(mtu)])

    def mtu(self, name: str) -> int:
        return network.mtu_of(self.state, self._running(name))

    def kill(self, name: str) -> None:
        """A power cut: sshd, engine and every container end at once. Disks stay as they are."""
        node.cut_power(self.state, self.node(name))

    def start(self, name: str) -> None:
        """Power on; returns when the engine answers. Fine if it runs already."""
        target = self.node(name)
        if not self.is_running(name):
            node.boot(self.state, target)
            engine.wait(target)

    def reboot(self, name: str) -> None:
        self.kill(name)
        self.start(name)

    def is_running(self, name: str) -> bool:
        return node.first_process(self.state, self.node(name)) is not None

    def stop_engine(self, name: str, *, signal: str = "TERM") -> None:
        """End a node's engine and wait for that. TERM stops its containers first, KILL leaves them."""
        pid = self.exec(name, ["cat", "/run/docker.pid"]).stdout.strip()
        self.exec(name, ["kill", f"-{signal}", pid])
        self.exec(name, ["sh", "-c", f"while kill -0 {pid} 2>/dev/null; do sleep 0.02; done"])

    def start_engine(self, name: str) -> None:
        """Start a node's engine again, and wait until it answers. Fine if it runs already, also if it is too
        busy to answer at once: a second one would take its socket away.
        """
        target = self.node(name)
        if not engine.answers(target):
            start = f"rm -f /run/docker.pid; {node.engine_script(self.state, target)}"
            runs = "grep -qsE 'dockerd|podman' /proc/$(cat /run/docker.pid)/comm"
            self.exec(name, ["sh", "-c", f"{runs} || {{ {start} }}"])
        engine.wait(target)

    def stop_registry(self) -> None:
        process.kill(self.directory, process.find(self.directory, registry.ROLE))

    def start_registry(self) -> None:
        if not registry.answers(self.state):
            registry.start(self.state)
        registry.wait(self.state)

    def pull(self, *references: str) -> None:
        """Have images on every node."""

        def on(each: LabNode) -> None:
            for reference in references:
                self.docker(each.name, "pull", "--quiet", reference)

        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(on, self.nodes))

    def image(self, reference: str, spec: ImageSpec) -> str:
        """Build `name:tag`, push it to the lab's registry, return its full reference."""
        from reconciler.lab.image import build
        from reconciler.lab.upload import push

        return push(self.registry, reference, build(spec))

    def index(self, reference: str, specs: Mapping[str, ImageSpec]) -> str:
        """As `image`, for several machines: `os/arch[/variant]` -> what is for it."""
        from reconciler.lab.image import build, index
        from reconciler.lab.upload import push

        return push(self.registry, reference, index({name: build(spec) for name, spec in specs.items()}))

    def _running(self, name: str) -> LabNode:
        if not self.is_running(name):
            raise LabError("it is off", where=f"node {name}", remedy=f"reconciler lab start {name}")
        return self.node(name)
