"""The user's own SSH configuration, as `ssh` itself understands it: it is asked (`ssh -G`, 20 ms a host).

So `Include`, `Match`, `CanonicalizeHostname`, the machine's own configuration and everything that comes
with later versions mean here what they mean there. Without an ssh client paramiko reads the file, which
knows neither `Include` nor all of `Match`. Where there is no configuration, nobody is asked.
"""

from __future__ import annotations

import os
import pwd
import re
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.engine.connection.quick_import import import_paramiko
from reconciler.errors import InventoryError

SYSTEM = Path("/etc/ssh/ssh_config")
TIMEOUT_S = 20.0
"""`Match exec` runs programs, and names may be resolved."""
_OURS = re.compile(
    r"^\s*(hostname|user|port|identit|proxy|(user|global)knownhosts|hostkeyalias|revoked|canonical|match|tag)",
    re.I | re.M,
)
"""Words that make the machine's configuration worth a question."""
_DEFAULT_KEYS = re.compile(r"~/\.ssh/id_(rsa|dsa|xmss|ecdsa(_sk)?|ed25519(_sk)?)")
_TOKEN = re.compile(r"%(.)|\$\{(\w+)\}")

Settings = Mapping[str, tuple[str, ...]]
"""Keyword in small letters -> its values, as many as it was given."""


class UserConfig:
    """`~/.ssh/config` and the machine's, or the file at `path` alone (`ssh -F`)."""

    def __init__(self, path: Path | None = None) -> None:
        self._own = path or Path.home() / ".ssh" / "config"
        usual = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ssh" / "config"
        self._only = path is not None or (self._own != usual and self._own.is_file())

    def lookup(self, host: str, user: str = "", port: str = "") -> Settings:
        """What holds for a login there. Raises `InventoryError` for a file that ssh refuses."""
        if not self._own.is_file() and (self._only or not _system_says_something()):
            return {}
        command = ["ssh", "-G", "-T", *(["-F", str(self._own)] if self._only else [])]
        command += [*(["-l", user] if user else []), *(["-p", port] if port else []), "--", host]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
            )
        except FileNotFoundError:
            return _without_ssh(self._own, host)
        except subprocess.TimeoutExpired as error:
            raise self._refused(f"ssh has no answer within {TIMEOUT_S:g} s about {host}") from error
        if done.returncode:
            raise self._refused(
                done.stderr.decode(errors="replace").strip() or f"ssh ends with {done.returncode}"
            )
        return _settings(done.stdout.decode(errors="replace"))

    def _refused(self, what: str) -> InventoryError:
        remedy = "mend that file, or say everything in nodes.yaml"
        return InventoryError(f"can't be read: {what}", where=str(self._own), remedy=remedy)


def expanded(text: str, tokens: Mapping[str, str]) -> str:
    """A file's name with its tokens (ssh_config(5), "TOKENS") and environment variables filled in.

    Raises `InventoryError` for the home of a user who isn't there.
    """

    def fill(found: re.Match[str]) -> str:
        if found[2]:
            return os.environ.get(found[2], "")
        return tokens.get(found[1], found[0])

    try:
        return str(Path(_TOKEN.sub(fill, text)).expanduser())
    except RuntimeError as error:
        remedy = "mend ssh's configuration, or say everything in nodes.yaml"
        raise InventoryError(f"{text}: there is no such user on this machine", remedy=remedy) from error


def tokens(given: str, host: str, port: int, user: str, alias: str) -> dict[str, str]:
    local = socket.gethostname()
    return {
        "%": "%",
        "d": str(Path.home()),
        "h": host,
        "i": str(os.getuid()),
        "k": alias or given,
        "L": local.partition(".")[0],
        "l": local,
        "n": given,
        "p": str(port),
        "r": user,
        "u": pwd.getpwuid(os.getuid()).pw_name,
    }


def _system_says_something() -> bool:
    try:
        more = any(Path("/etc/ssh/ssh_config.d").glob("*.conf"))
        return more or (SYSTEM.is_file() and bool(_OURS.search(SYSTEM.read_text(errors="replace"))))
    except OSError:
        return False


def _settings(output: str) -> Settings:
    found: dict[str, tuple[str, ...]] = {}
    for line in output.splitlines():
        keyword, _, value = line.partition(" ")
        found[keyword] = (*found.get(keyword, ()), value)
    keys = found.get("identityfile", ())
    if len(keys) > 3 and all(map(_DEFAULT_KEYS.fullmatch, keys)):
        del found["identityfile"]  # nobody named them; they needn't be there
    return found


def _without_ssh(path: Path, host: str) -> Settings:
    if not path.is_file():
        return {}
    import_paramiko(path)
    import paramiko

    try:
        found = paramiko.SSHConfig.from_path(str(path)).lookup(host)
    except (paramiko.SSHException, OSError, ValueError, ImportError) as error:
        remedy = "mend that file, or say everything in nodes.yaml"
        raise InventoryError(f"can't be read: {error}", where=str(path), remedy=remedy) from error
    return {k: (v,) if isinstance(v, str) else tuple(v) for k, v in found.items()}
