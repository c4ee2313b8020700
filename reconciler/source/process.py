"""Runs the git program: with a time-out that holds, a clean environment, and no prompt.

`reconciler init` makes its repository with GitPython. What runs for each commit comes through here
instead: GitPython's kill after a time-out asks `ps` for the children, which a slim container hasn't got
(`git-remote-https` then lives on and keeps the pipe open), its environment can't lose GIT_DIR, and
importing it costs 0.1 s, in a hook for which somebody waits.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from reconciler.errors import SourceError
from reconciler.manifests.rlimits import hold
from reconciler.source.limits import MAX_MEMORY, MAX_OBJECT_MEMORY, MAX_PACK_BYTES

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

MAX_OUTPUT_BYTES = 16_000_000
MAX_SAID_BYTES = 64_000
BIG_FILE_BYTES = 1 << 24
CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=20",
    "advice.detachedHead=false",
    f"core.bigFileThreshold={BIG_FILE_BYTES}",
    "pack.windowMemory=64m",
    "pack.threads=2",
)
"""A user's own configuration must not run programs in our cache. And large files are read piece by piece."""

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
        "GIT_ALLOC_LIMIT": str(
            MAX_OBJECT_MEMORY
        ),  # git's own (wrapper.c): a few bytes can ask for any number
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
        """Its output. Raises `GitFailed`. However much it, or a server, says, little of that is kept."""
        until = time.monotonic() + timeout
        with tempfile.TemporaryFile() as said:
            process = self.spawn(args, stderr=said)
            try:
                out = _exchanged(process, stdin, until)
                if len(out) <= MAX_OUTPUT_BYTES:
                    process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise GitFailed(args[0], "", timed_out=timeout) from None
            finally:
                self.end(process)
            said.seek(max(0, said.seek(0, os.SEEK_END) - MAX_SAID_BYTES))
            err = said.read().decode(errors="replace")
        if len(out) > MAX_OUTPUT_BYTES:
            raise GitFailed(args[0], f"it printed more than {MAX_OUTPUT_BYTES:,} bytes")
        if process.returncode:
            raise GitFailed(args[0], err)
        return out

    def spawn(
        self, args: Sequence[str], stderr: IO[bytes] | int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: its helpers can be ended with it, a Ctrl-C doesn't tear it."""
        command = ["git", f"--git-dir={self.git_dir}", "-c", f"safe.directory={self.git_dir}"]
        command += [part for setting in CONFIG for part in ("-c", setting)]
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                [*command, *args],
                stdin=pipe,
                stdout=pipe,
                stderr=stderr,
                env=self.env,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise SourceError("git isn't installed", remedy="install it: apt-get install git") from error
        hold(process.pid, memory=MAX_MEMORY, file_bytes=MAX_PACK_BYTES)
        with self._lock:
            self._running.add(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it and its helpers if it still runs, take back its pipes."""
        if process.poll() is None:
            _kill(process)
        with contextlib.suppress(subprocess.TimeoutExpired):  # something that left the session holds a pipe
            process.communicate(timeout=2.0)
        self._forget(process)

    def close(self) -> None:
        with self._lock:
            running = tuple(self._running)
        for process in running:
            if process.poll() is None:
                _kill(process)

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)


def _exchanged(process: subprocess.Popen[bytes], stdin: bytes, until: float) -> bytes:
    """What it prints, little more than the limit at most. Raises `TimeoutExpired`, also when it is not itself
    that still holds the pipe.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(stdin)
        process.stdin.close()
    process.stdin = None
    out = bytearray()
    with selectors.DefaultSelector() as pipe:
        pipe.register(process.stdout, selectors.EVENT_READ)
        while len(out) <= MAX_OUTPUT_BYTES:
            if not pipe.select(max(0.0, until - time.monotonic())):
                raise subprocess.TimeoutExpired(process.args, 0.0)
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            out += chunk
    return bytes(out)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """It and its helpers, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _quoted(text: str) -> str:
    """For the shell that git gives GIT_SSH_COMMAND to."""
    return "'" + text.replace("'", "'\\''") + "'"
