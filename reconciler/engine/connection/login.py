"""Logs in to an sshd with keys: identity files, the agent, the usual files in ~/.ssh. Never a password."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.bounded import read_file
from reconciler.engine.connection.address import Endpoint
from reconciler.errors import LoginRefused, NodeUnreachable
from reconciler.private import shown_to_others

if TYPE_CHECKING:
    import paramiko

AGENT_TIMEOUT_S = 60.0
"""An agent may ask its owner for each use of a key."""
USUAL = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


def log_in(node: str, transport: paramiko.Transport, endpoint: Endpoint) -> str:
    """Offer each key until one is accepted; returns its name.

    Raises `LoginRefused` with everything that was tried.
    """
    import paramiko

    unusable: list[str] = []
    tried: list[str] = []
    for name, key in _keys(endpoint, unusable):
        try:
            left = transport.auth_publickey(endpoint.user, key)
        except paramiko.BadAuthenticationType as error:
            what = f"sshd offers only {', '.join(error.allowed_types)}"
            remedy = "let it take keys: PubkeyAuthentication yes in its sshd_config"
            raise _refused(node, endpoint, [*unusable, *tried], what, remedy) from error
        except paramiko.AuthenticationException:
            tried.append(f"{name}: refused")
            continue
        except (paramiko.SSHException, EOFError) as error:
            if transport.is_active():
                tried.append(f"{name}: {error}")
                continue
            raise _hung_up(node, endpoint, tried, error) from error
        if not left:
            return name
        what = f"{name} was accepted, but sshd also asks for {', '.join(left)}"
        remedy = "let this user in by a key alone: AuthenticationMethods publickey in its sshd_config"
        raise _refused(node, endpoint, [*unusable, *tried], what, remedy)
    what = "no key was accepted" if tried else "no key can be offered"
    if tried:
        remedy = f"let the node accept your key, e.g. `{_copy(endpoint)}`"
    elif unusable:
        remedy = "mend that on this machine"
    else:
        remedy = f"make one with `ssh-keygen -t ed25519` and let the node accept it: `{_copy(endpoint)}`"
    raise _refused(node, endpoint, [*unusable, *tried], what, f"{remedy}, or set identityFile in nodes.yaml")


def _hung_up(node: str, endpoint: Endpoint, tried: list[str], error: BaseException) -> NodeUnreachable:
    if tried:
        what = "sshd hung up after too many keys (MaxAuthTries)"
        return _refused(
            node, endpoint, tried, what, "name the key that it accepts: identityFile in nodes.yaml"
        )
    return NodeUnreachable(
        f"sshd at {endpoint.known_as} hung up during the login: {error or type(error).__name__}", node=node
    )


def _refused(node: str, endpoint: Endpoint, tried: list[str], what: str, remedy: str) -> LoginRefused:
    said = f" ({'; '.join(tried) or 'there is no key to try'})"
    return LoginRefused(
        f"login as {endpoint.user} at {endpoint.known_as}: {what}{said}", node=node, remedy=remedy
    )


def _copy(endpoint: Endpoint) -> str:
    port = "" if endpoint.port == 22 else f"-p {endpoint.port} "
    return f"ssh-copy-id {port}{endpoint.user}@{endpoint.host}"


def _keys(endpoint: Endpoint, unusable: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    """Each key with its name; those that can't be used are told in `unusable`."""
    locked: list[str] = []
    for file in endpoint.identity_files:
        key = _load(file, unusable, locked, must_exist=True)
        if key is not None:
            yield file, key
    if not endpoint.only_these or locked:
        yield from _agent(endpoint.agent, locked if endpoint.only_these else None)
    if not endpoint.identity_files:
        for file in USUAL:
            key = _load(str(Path(file).expanduser()), unusable, locked, must_exist=False)
            if key is not None:
                yield file, key


def _load(file: str, unusable: list[str], locked: list[str], *, must_exist: bool) -> paramiko.PKey | None:
    import paramiko

    try:
        if b"PRIVATE KEY" not in read_file(Path(file)):  # from_path would wait on a pipe
            unusable.append(f"{file}: holds no private key (in OpenSSH's or a PEM form)")
            return None
        if mode := shown_to_others(Path(file)):
            unusable.append(f"{file}: others may read it ({mode}), so it isn't used: chmod 600 {file}")
            return None
        return paramiko.PKey.from_path(file)
    except FileNotFoundError:
        if must_exist:
            unusable.append(f"{file}: no such file")
    except PermissionError:
        unusable.append(f"{file}: not readable for this user")
    except (paramiko.PasswordRequiredException, TypeError):
        locked.append(file)
        unusable.append(f"{file}: locked with a passphrase (`ssh-add {file}` unlocks it in the agent)")
    except IsADirectoryError:
        unusable.append(f"{file}: is a folder")
    except (paramiko.SSHException, ValueError, OSError) as error:
        unusable.append(f"{file}: not a usable key: {error}")
    return None


def _agent(path: str, only: list[str] | None) -> Iterator[tuple[str, paramiko.PKey]]:
    """The agent's keys; with `only`, those whose public half lies beside one of these files."""
    import os
    import socket

    import paramiko

    path = path or os.environ.get("SSH_AUTH_SOCK", "")
    if path in ("", "none"):
        return
    wanted = None if only is None else {_public(file) for file in only}
    with contextlib.suppress(paramiko.SSHException, OSError), socket.socket(socket.AF_UNIX) as link:
        link.settimeout(AGENT_TIMEOUT_S)
        link.connect(path)
        agent = paramiko.agent.AgentSSH()
        agent._connect(link)  # type: ignore[attr-defined]
        for key in agent.get_keys():
            if wanted is None or key.get_base64() in wanted:
                yield f"agent key {key.get_fingerprint().hex()[:12]}", key


def _public(file: str) -> str:
    with contextlib.suppress(OSError, IndexError, UnicodeDecodeError):
        return read_file(Path(f"{file}.pub")).decode().split()[1]
    return ""
