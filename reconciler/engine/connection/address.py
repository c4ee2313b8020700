"""Where a node is and who logs in: its inventory entry together with the user's own SSH configuration.

As `ssh` does it: what the inventory says wins, then the user's and the machine's configuration (HostName,
User, Port, IdentityFile, IdentitiesOnly, IdentityAgent, ProxyJump, HostKeyAlias, UserKnownHostsFile,
GlobalKnownHostsFile, RevokedHostKeys), then the defaults.
"""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass

from reconciler.engine.connection.userconfig import Settings, UserConfig, expanded, tokens
from reconciler.errors import InventoryError
from reconciler.model.fleet import NodeSpec

_FORM = re.compile(
    r"(?:(?P<user>[^@/]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^@:/\[\]]+))(?::(?P<port>\d+))?/?$"
)
MAX_JUMPS = 8


@dataclass(frozen=True)
class Endpoint:
    """One sshd. `host` is where to connect, `alias` its HostKeyAlias, `given` its name in the inventory."""

    host: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    only_these: bool = False
    """Offer no key but `identity_files` (the agent may hold them)."""
    known_hosts: tuple[str, ...] = ()
    alias: str = ""
    given: str = ""
    agent: str = ""
    """The agent's socket, `none` for no agent; "" for the one of the environment."""
    revoked_keys: str = ""
    """The file of RevokedHostKeys; "" for none."""
    socket_path: str = "/run/docker.sock"

    @property
    def known_as(self) -> str:
        """The name in a known_hosts file: `[host]:port` unless the port is 22; an alias is as it is."""
        return self.alias or _with_port(self.host, self.port)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which a key counts: as ssh has them, and as the inventory calls it."""
        if self.alias:
            return (self.alias,)
        own = (_with_port(self.host, self.port), self.host)
        return tuple(dict.fromkeys((*own, _with_port(self.given, self.port)) if self.given else own))


@dataclass(frozen=True)
class Route:
    """The endpoints to pass, the node last."""

    hops: tuple[Endpoint, ...]

    @property
    def target(self) -> Endpoint:
        return self.hops[-1]


def route(spec: NodeSpec, config: UserConfig | None = None) -> Route:
    """How to reach an `ssh://` node. Raises `InventoryError` for an address that can't be read."""
    config = config or UserConfig()
    where = f"node {spec.name}"
    target, jump = _endpoint(spec.address.removeprefix("ssh://"), spec, config, where, spec.jump)
    return Route((*_hops(spec.jump or jump, spec, config, where), target))


def _hops(jumps: str, spec: NodeSpec, config: UserConfig, where: str, depth: int = 0) -> tuple[Endpoint, ...]:
    """As ssh: the first jump host is reached as its configuration says, the others through those before."""
    if depth > MAX_JUMPS:
        raise InventoryError(
            f"more than {MAX_JUMPS} jump hosts, or a circle of them", where=where, remedy="see ProxyJump"
        )
    found: list[Endpoint] = []
    for text in (j.removeprefix("ssh://") for j in jumps.split(",") if j and j != "none"):
        hop, before = _endpoint(text, spec, config, f"{where} jump", "" if not found else "none")
        found += [*_hops(before, spec, config, where, depth + 1), hop] if not found else [hop]
    return tuple(found)


def _endpoint(text: str, spec: NodeSpec, config: UserConfig, where: str, jump: str) -> tuple[Endpoint, str]:
    """And the jumps that its configuration asks for; `jump` are those that are known already."""
    found = _FORM.match(text)
    if found is None or not 0 < int(found["port"] or 22) < 65536:
        raise InventoryError(
            f'not an SSH address: "{text}"',
            where=where,
            remedy="write it as ssh://user@host:port, an IPv6 address in brackets: ssh://root@[fd00::5]:22",
        )
    name = found["v6"] or found["host"]
    known = config.lookup(name, found["user"] or "", found["port"] or "")
    host = _one(known, "hostname") or name
    port = int(found["port"] or _one(known, "port") or 22)
    user = found["user"] or _one(known, "user") or getpass.getuser()
    alias = _one(known, "hostkeyalias")
    filled = tokens(name, host, port, user, alias)
    files = (spec.identity_file,) if spec.identity_file else known.get("identityfile", ())
    hosts = (spec.known_hosts_file,) if spec.known_hosts_file else _known_hosts(known)
    agent = _one(known, "identityagent")
    revoked = _one(known, "revokedhostkeys")
    endpoint = Endpoint(
        host=host,
        port=port,
        user=user,
        identity_files=tuple(expanded(f, filled) for f in files if f != "none"),
        only_these=bool(spec.identity_file) or _one(known, "identitiesonly").lower() == "yes",
        known_hosts=tuple(expanded(f, filled) for f in hosts if f != "none"),
        alias=alias,
        given=name,
        agent=""
        if agent == "SSH_AUTH_SOCK"
        else agent
        if agent == "none"
        else agent and _agent(agent, filled),
        revoked_keys="" if revoked in ("", "none") else expanded(revoked, filled),
        socket_path=spec.docker_socket,
    )
    jumps = _one(known, "proxyjump")
    if not jump and not jumps and (command := _one(known, "proxycommand")) not in ("", "none"):
        raise InventoryError(
            f"ssh's configuration reaches {name} through a program, which isn't done here: {command[:60]}",
            where=where,
            remedy="use ProxyJump there, or set jump in nodes.yaml (`none` for a direct connection)",
        )
    return endpoint, jumps


def _agent(text: str, filled: dict[str, str]) -> str:
    """ssh_config(5), IdentityAgent: a socket's path, or `$NAME` of a variable that holds it."""
    return (
        os.environ.get(text[1:], "none") if text[:1] == "$" and text[1:2] != "{" else expanded(text, filled)
    )


def _with_port(name: str, port: int) -> str:
    return name if port == 22 else f"[{name}]:{port}"


def _known_hosts(known: Settings) -> tuple[str, ...]:
    own = _one(known, "userknownhostsfile").split() or ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
    system = _one(known, "globalknownhostsfile").split() or ["/etc/ssh/ssh_known_hosts"]
    return (*own, *system)


def _one(known: Settings, key: str) -> str:
    return next(iter(known.get(key, ())), "")
