"""Runs the git program: with a time-out that holds, a clean environment, and no prompt.

`reconciler init` makes its repository with GitPython. What runs for each commit comes through here
instead: GitPython's kill after a time-out asks `ps` for the children, which a slim container hasn't got
(`git-remote-https` then lives on and keeps the pipe open), its environment can't lose GIT_DIR, and
importing it costs 0.1 s, in a hook for which somebody waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.errors import SourceError

LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""They bind git to one repository (`git rev-parse --local-env-vars`); ours is named by --git-dir."""

QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")
"""Where a push's objects wait until the pre-receive hook has accepted them."""

CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=20",
    "advice.detachedHead=false",
)
"""A user's own configuration must not run programs in our cache."""

PROTOCOLS = "file:git:http:https:ssh"
"""GIT_ALLOW_PROTOCOL: `ext::` would run any command that a URL names."""


class GitFailed(Exception):
    """git ended with an error, or was ended because its time was over."""

    def __init__(self, what: str, stderr: str, *, timed_out: float | None = None) -> None:
        super().__init__(f"git {what}: {stderr.strip() or 'no message'}")
        self.what, self.stderr, self.timed_out = what, stderr, timed_out


def environment(identity_file: str = "", base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's own, without what binds git elsewhere, without prompts, in English.

    ssh never asks, refuses unknown host keys, and notices a dead connection within 30 s.
    """
    source = os.environ if base is None else base
    env = {name: value for name, value in source.items() if name not in LOCAL_VARIABLES}
    ssh = env.get("GIT_SSH_COMMAND", "ssh")
    ssh += " -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
    ssh += " -o ControlMaster=no"  # a shared connection left behind would keep git's pipes open
    if identity_file:
        ssh += f" -o IdentitiesOnly=yes -i {_quoted(str(Path(identity_file).expanduser()))}"
    return env | {
        "GIT_SSH_COMMAND": ssh,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",
        "LANGUAGE": "C",
    }


def quarantined() -> dict[str, str]:
    """For a pre-receive hook: the environment that also shows the objects that were just pushed."""
    return environment() | {name: os.environ[name] for name in QUARANTINE if name in os.environ}


class Git:
    """git on one repository. `close` ends whatever it runs. May be used from several threads."""

    def __init__(self, git_dir: Path, env: Mapping[str, str]) -> None:
        self.git_dir, self.env = git_dir, dict(env)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def run(self, *args: str, timeout: float, stdin: bytes = b"") -> bytes:
        """Its output. Raises `GitFailed`."""
        process = self.spawn(args)
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            self.end(process)
            raise GitFailed(args[0], "", timed_out=timeout) from None
        except BaseException:
            self.end(process)
            raise
        self._forget(process)
        if process.returncode:
            raise GitFailed(args[0], err.decode(errors="replace"))
        return out

    def spawn(self, args: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: its helpers can be ended with it, a Ctrl-C doesn't tear it."""
        command = ["git", f"--git-dir={self.git_dir}", "-c", f"safe.directory={self.git_dir}"]
        command += [part for setting in CONFIG for part in ("-c", setting)]
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                [*command, *args], stdin=pipe, stdout=pipe, stderr=pipe, env=self.env, start_new_session=True
            )
        except FileNotFoundError as error:
            raise SourceError("git isn't installed", remedy="install it: apt-get install git") from error
        with self._lock:
            self._running.add(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it and its helpers, take back its pipes."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # something that left the session holds a pipe
            process.communicate(timeout=2.0)
        self._forget(process)

    def close(self) -> None:
        with self._lock:
            running = tuple(self._running)
        for process in running:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):  # whoever waits for it has just been faster
                    os.killpg(process.pid, signal.SIGKILL)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)


def _quoted(text: str) -> str:
    """For the shell that git gives GIT_SSH_COMMAND to."""
    return "'" + text.replace("'", "'\\''") + "'"
