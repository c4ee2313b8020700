"""Where a node is and who logs in: its inventory entry together with the user's own SSH configuration.

As `ssh` does it: what the inventory says wins, then `~/.ssh/config` (HostName, User, Port,
IdentityFile, IdentitiesOnly, ProxyJump, UserKnownHostsFile), then the defaults.
"""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from pathlib import Path

from reconciler.engine.connection.quick_import import import_paramiko
from reconciler.errors import InventoryError
from reconciler.model.fleet import NodeSpec

_FORM = re.compile(
    r"(?:(?P<user>[^@/]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^@:/\[\]]+))(?::(?P<port>\d+))?/?$"
)
MAX_JUMPS = 8


@dataclass(frozen=True)
class Endpoint:
    """One sshd. `host` is where to connect, `alias` the name that it goes by in known_hosts."""

    host: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    only_these: bool = False
    """Offer no key but `identity_files` (the agent may hold them)."""
    known_hosts: tuple[str, ...] = ()
    alias: str = ""
    socket_path: str = "/run/docker.sock"

    @property
    def known_as(self) -> str:
        """The name in a known_hosts file: `[host]:port` unless the port is 22."""
        name = self.alias or self.host
        return name if self.port == 22 else f"[{name}]:{self.port}"


@dataclass(frozen=True)
class Route:
    """The endpoints to pass, the node last."""

    hops: tuple[Endpoint, ...]

    @property
    def target(self) -> Endpoint:
        return self.hops[-1]


class UserConfig:
    """`~/.ssh/config`, read when first asked, and only when it is there."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path.home() / ".ssh" / "config"

    def lookup(self, host: str) -> dict[str, str | list[str]]:
        if not self._path.is_file():
            return {}
        import_paramiko(self._path)
        import paramiko

        try:
            return dict(paramiko.SSHConfig.from_path(str(self._path)).lookup(host))
        except (paramiko.SSHException, OSError, ValueError, ImportError) as error:
            raise InventoryError(
                f"can't be read: {error}",
                where=str(self._path),
                remedy="mend that file, or say everything in nodes.yaml",
            ) from error


def route(spec: NodeSpec, config: UserConfig | None = None) -> Route:
    """How to reach an `ssh://` node. Raises `InventoryError` for an address that can't be read."""
    config = config or UserConfig()
    where = f"node {spec.name}"
    given = spec.address.removeprefix("ssh://")
    target, jump = _endpoint(given, spec, config, where)
    jumps = [j for j in (spec.jump or jump).split(",") if j and j != "none"]
    hops = [_endpoint(j.removeprefix("ssh://"), spec, config, f"{where} jump", hop=True)[0] for j in jumps]
    return Route((*hops[:MAX_JUMPS], target))


def _endpoint(
    text: str, spec: NodeSpec, config: UserConfig, where: str, *, hop: bool = False
) -> tuple[Endpoint, str]:
    found = _FORM.match(text)
    if found is None or not 0 < int(found["port"] or 22) < 65536:
        raise InventoryError(
            f'not an SSH address: "{text}"',
            where=where,
            remedy="write it as ssh://user@host:port, an IPv6 address in brackets: ssh://root@[fd00::5]:22",
        )
    name = found["v6"] or found["host"]
    known = config.lookup(name)
    files = (spec.identity_file,) if spec.identity_file else tuple(_many(known, "identityfile"))
    hosts = (spec.known_hosts_file,) if spec.known_hosts_file else _known_hosts(known)
    endpoint = Endpoint(
        host=_one(known, "hostname") or name,
        port=int(found["port"] or _one(known, "port") or 22),
        user=found["user"] or _one(known, "user") or getpass.getuser(),
        identity_files=tuple(str(Path(f).expanduser()) for f in files),
        only_these=bool(spec.identity_file) or _one(known, "identitiesonly").lower() == "yes",
        known_hosts=tuple(str(Path(f).expanduser()) for f in hosts),
        alias=_one(known, "hostkeyalias") or name,
        socket_path=spec.docker_socket,
    )
    return endpoint, "" if hop else _one(known, "proxyjump")


def _known_hosts(known: dict[str, str | list[str]]) -> tuple[str, ...]:
    own = _one(known, "userknownhostsfile").split()
    return (*(own or ["~/.ssh/known_hosts"]), "/etc/ssh/ssh_known_hosts")


def _one(known: dict[str, str | list[str]], key: str) -> str:
    value = known.get(key, "")
    return value if isinstance(value, str) else " ".join(value)


def _many(known: dict[str, str | list[str]], key: str) -> list[str]:
    value = known.get(key, [])
    return [value] if isinstance(value, str) else value
