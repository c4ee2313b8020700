"""Is the node's engine set up so that pods start there, and come back? One function a check.

None leaves anything behind on the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.facts import ARCHITECTURES
from reconciler.engine.fitness.report import Check, Status
from reconciler.engine.pods import image, nodeimage, owned
from reconciler.errors import EngineError
from reconciler.model import labels

TIMEOUT = 10.0
ON_THE_NODE = frozenset({"json-file", "local", "none", "k8s-file", "passthrough", "journald"})
"""Log drivers that need no server. journald needs one that all machines with systemd have."""
_PROBE = "reconciler-check"


def is_podman(version: Mapping[str, Any]) -> bool:
    """By what GET /version answers. Podman speaks Docker's API; where it differs, this tells."""
    return any(c.get("Name") == "Podman Engine" for c in version.get("Components") or ())


def users(engine: Engine) -> Check:
    """Whose are the programs of pods and the files that they write, as the node sees it."""
    options = _info(engine).get("SecurityOptions") or ()
    if any(str(option).startswith("name=rootless") for option in options):
        return _check(
            "users",
            "fail",
            "the engine runs without root: it can't give pods a network of the node",
            "use the node's system-wide engine, whose socket is /run/docker.sock or /run/podman/podman.sock",
        )
    if any(str(option).startswith("name=userns") for option in options):
        found = (
            "the engine maps users (userns-remap): what pods find by hostPath must belong to the mapped "
            "ones; pods with hostNetwork, hostPID or privileged have the node's own"
        )
        return _check("users", "ok", found)
    return _check("users", "ok", "pods have the node's own")


def logs(engine: Engine) -> Check:
    """Whether a container starts with the engine's log driver. Tried where the node image is there: one is
    made, started and removed.
    """
    driver = str(_info(engine).get("LoggingDriver") or "json-file")
    tried = nodeimage.present(engine)
    if tried:
        try:
            _start_one(engine, tried)
        except EngineError as error:
            return _check(
                "logs",
                "fail",
                f"no container starts with the log driver {driver}: {error.message}",
                'on the node: set "log-driver" in /etc/docker/daemon.json to "local" or "json-file" and '
                "restart the engine, or bring the driver's server up",
            )
    if driver in ON_THE_NODE:
        return _check("logs", "ok", f"log driver {driver}")
    return _check(
        "logs",
        "warn",
        f"the log driver {driver} needs a server: while that is away, no container starts",
        'on the node: set "log-driver" in /etc/docker/daemon.json to "local" or "json-file"',
    )


def _start_one(engine: Engine, node_image: str) -> None:
    """Raises `EngineError` where the engine can't. It isn't the fleet's: nobody takes it for a pod."""
    body = {
        "Image": node_image,
        "Entrypoint": ["/bin/busybox", "true"],
        "Labels": {labels.ROLE: _PROBE},
        "HostConfig": {"NetworkMode": "none"},
    }
    made = str(engine.call("POST", "/containers/create", body=body)["Id"])
    try:
        engine.call("POST", f"/containers/{made}/start", timeout=60.0)
    finally:
        owned.remove_container(engine, made)


def returning(engine: Engine) -> Check:
    """Whether containers come back after a reboot. Only systemd can tell."""
    podman = is_podman(engine.call("GET", "/version", timeout=TIMEOUT))
    unit = "podman-restart.service" if podman else "docker.service"
    _, output = engine.run(f"systemctl is-enabled {unit} 2>&1", TIMEOUT)
    said = output.decode(errors="replace").strip().splitlines()
    state = said[-1] if said else ""
    if state in ("enabled", "enabled-runtime", "static", "alias", "indirect", "linked"):
        return _check("reboot", "ok", f"{unit} brings containers back after a reboot")
    remedy = f"on the node: `systemctl enable {unit}`"
    if podman:
        found = (
            f"after a reboot nothing starts the pods again: Podman leaves that to {unit}, which isn't enabled"
        )
        return _check("reboot", "warn", found, remedy)
    if state in ("disabled", "masked"):
        return _check("reboot", "warn", f"after a reboot no engine runs: {unit} is {state}", remedy)
    return _check("reboot", "ok", "it can't be told what brings the engine back; not by systemd")


def images(engine: Engine, fleet_name: str) -> Check:
    """Whether the images of the fleet's containers are for this node's architecture."""
    machine = str(_info(engine).get("Architecture", ""))
    own = ARCHITECTURES.get(machine, (machine, ""))[0]
    used = {str(c["Image"]) for c in owned.list_containers(engine, fleet_name)}
    foreign = {
        name: str(found["Architecture"])
        for name in sorted(used)
        if (found := image.inspect(engine, name)) and found.get("Architecture")
    }
    return foreign_images(own, foreign)


def foreign_images(own: str, found: Mapping[str, str]) -> Check:
    """`found` is the architecture of each image. An arm64 node runs programs for arm in most cases."""
    runs = {own, "arm"} if own == "arm64" else {own, "386"} if own == "amd64" else {own}
    other = [f"{name} ({architecture})" for name, architecture in found.items() if architecture not in runs]
    if not other:
        return _check("images", "ok", f"those of the fleet's pods are for {own}")
    return _check(
        "images",
        "warn",
        f"not for this node's {own}: {some(other)}; where nothing emulates it, such a pod ends with "
        '"exec format error"',
        "build the image for this architecture, too, or keep its pods to the right nodes: "
        "`nodeSelector: {kubernetes.io/arch: ...}`",
    )


def some(words: Iterable[str], most: int = 5) -> str:
    """The first few of them, and how many more there are."""
    every = list(words)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


EVERYWHERE: Mapping[str, Callable[[Engine], Check]] = {"users": users, "logs": logs, "reboot": returning}


def _info(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = engine.call("GET", "/info", timeout=TIMEOUT)
    return found


def _check(name: str, status: Status, found: str, remedy: str = "") -> Check:
    return Check(name=name, status=status, found=found, remedy=remedy)
