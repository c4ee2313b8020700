"""Folders with a kustomization are rendered by kustomize itself.

What it may read was settled before (`kustomizations`). It runs with nothing of ours in its environment,
without a network where the system can take it away, and within limits: time for all folders together, output,
memory.
Its imports are lazy: every `validate` passes here, few need to render.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reconciler.manifests.documents import DocumentError
from reconciler.manifests.limits import (
    MAX_RENDERED_BYTES,
    MAX_SCRATCH_BYTES,
    MAX_TOTAL_BYTES,
    RENDER_MEMORY,
    RENDER_SECONDS,
)
from reconciler.manifests.rlimits import hold

if TYPE_CHECKING:
    import subprocess

PROGRAMS = (("kustomize", "build"), ("kubectl", "kustomize"))
"""Tried in this order."""
WORKERS = 4
CPU_SECONDS = int(RENDER_SECONDS) * WORKERS
ISOLATED = (("unshare", "--net", "--"), ("unshare", "--map-root-user", "--net", "--"))
"""util-linux: a network of its own, with nothing in it; for root, and where the system lets users have one.
"""
PASSED = ("HOME", "LANG", "PATH", "USER")
PASSED_REMOTE = (
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
NOWHERE = "http://127.0.0.1:9"
_OUT_OF_MEMORY = re.compile(rb"out of memory|cannot allocate memory", re.IGNORECASE)
SHOWN = 600
"""Characters of what kustomize says; the end says most."""


class Renderer:
    """`stop` ends what runs, from any thread or a signal handler; nothing is rendered afterwards."""

    def __init__(self, *, remote: bool = False, seconds: float = RENDER_SECONDS) -> None:
        self.remote, self._seconds = remote, seconds
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.RLock()
        self.stopped = False

    def render(self, folders: Sequence[Path], tree: Path) -> Iterator[bytes | DocumentError]:
        """What kustomize prints for each, in order. `tree` is what messages name paths from."""
        from concurrent.futures import ThreadPoolExecutor

        until, total = time.monotonic() + self._seconds, 0
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="render") as workers:
            try:
                runs = [workers.submit(self._one, folder, tree, until) for folder in folders]
                for run in runs:
                    out = run.result()
                    total += len(out) if isinstance(out, bytes) else 0
                    yield out if total <= MAX_TOTAL_BYTES else _too_much()
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                self._kill()
                raise

    def stop(self) -> None:
        self.stopped = True
        self._kill()

    def _kill(self) -> None:
        with self._lock:
            for process in self._running:
                _kill(process)

    def _one(self, folder: Path, tree: Path, until: float) -> bytes | DocumentError:
        import tempfile

        try:
            if time.monotonic() >= until:
                raise self._late(_program())
            with tempfile.TemporaryDirectory(prefix="reconciler-render-") as scratch:
                return self._run(folder, tree, until, Path(scratch))
        except DocumentError as error:
            return error

    def _run(self, folder: Path, tree: Path, until: float, scratch: Path) -> bytes:
        command = _program()
        with (scratch / ".said").open("w+b") as said:
            process = self._start(command, folder, scratch, said)
            timer = threading.Timer(max(0.0, until - time.monotonic()), _kill, [process])
            timer.daemon = True
            timer.start()
            try:
                assert process.stdout is not None
                out = process.stdout.read(MAX_RENDERED_BYTES + 1)
                if len(out) <= MAX_RENDERED_BYTES:
                    process.wait()
            finally:
                self._end(process, timer)
            said.seek(0)
            begins = said.read(4096)  # where Go says that memory is over; pages of traces follow
            said.seek(max(0, said.seek(0, os.SEEK_END) - 64_000))
            words = _words(said.read(), tree, scratch)
        if len(out) > MAX_RENDERED_BYTES:
            raise DocumentError(f"renders to more than {MAX_RENDERED_BYTES:,} bytes", remedy="split it")
        if self.stopped:
            raise DocumentError("wasn't rendered: the reconciler was told to end")
        if process.returncode and time.monotonic() >= until:
            raise self._late(command)
        if process.returncode and _OUT_OF_MEMORY.search(begins):
            message = f"{' '.join(command)} takes more than {RENDER_MEMORY >> 20:,} MB of memory"
            raise DocumentError(message, remedy="render less at once")
        if process.returncode:
            raise DocumentError(f"{command[0]} failed: {words}", remedy="mend what it names")
        return out

    def _late(self, command: Sequence[str]) -> DocumentError:
        return DocumentError(
            f"{' '.join(command)} hadn't ended when the {self._seconds:g} s for all folders were over",
            remedy="render it by hand to see why",
        )

    def _start(
        self, command: Sequence[str], folder: Path, scratch: Path, said: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        import subprocess

        with self._lock:
            if self.stopped:
                raise DocumentError("wasn't rendered: the reconciler was told to end")
            process = subprocess.Popen(
                [*(() if self.remote else _isolation()), *command, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment(scratch, remote=self.remote),
                start_new_session=True,
            )
            self._running.add(process)
        hold(process.pid, memory=RENDER_MEMORY, file_bytes=MAX_SCRATCH_BYTES, cpu_seconds=CPU_SECONDS)
        return process

    def _end(self, process: subprocess.Popen[bytes], timer: threading.Timer) -> None:
        timer.cancel()
        if process.poll() is None:
            _kill(process)
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
        with self._lock:
            self._running.discard(process)


def _too_much() -> DocumentError:
    return DocumentError(
        f"the folders up to this one render to more than {MAX_TOTAL_BYTES // 1_000_000} MB", remedy="split it"
    )


def environment(scratch: Path, *, remote: bool) -> dict[str, str]:
    """For kustomize: a kustomization can read what is in it, and our environment may hold secrets."""
    passed = (*PASSED, *PASSED_REMOTE) if remote else PASSED
    env = {name: os.environ[name] for name in passed if name in os.environ}
    env |= {
        "TMPDIR": str(scratch),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "git:http:https:ssh",
    }
    if not remote:
        env |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
        env["GIT_ALLOW_PROTOCOL"] = "none"
    return env


def _program() -> tuple[str, ...]:
    import shutil

    program = next((p for p in PROGRAMS if shutil.which(p[0])), None)
    if program is None:
        raise DocumentError(
            "has to be rendered, and neither kustomize nor kubectl is there",
            remedy="install one of the two where the reconciler runs",
        )
    return program


@lru_cache(maxsize=1)
def _isolation() -> tuple[str, ...]:
    """What to put before the program, if it works here."""
    import subprocess

    for prefix in ISOLATED:
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run([*prefix, "true"], capture_output=True, timeout=5, check=True)
            return prefix
    return ()


def _kill(process: subprocess.Popen[bytes]) -> None:
    import signal

    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _words(stderr: bytes, tree: Path, scratch: Path) -> str:
    """Its last words, with paths as the repository has them."""
    text = " ".join(stderr.decode(errors="replace").split())
    text = re.sub(r'^[EF]\d{4} \S+ +\d+ \S+\] "command failed" err="(.*)"$', r"\1", text).replace('\\"', '"')
    text = re.sub(rf"{re.escape(str(scratch))}/kustomize-\d+/?", "", text)
    text = re.sub(rf"{re.escape(str(tree))}(?=['\"\s]|$)", ".", text)
    text = re.sub(rf"{re.escape(str(tree))}(/|\b)", "", text)
    text = text.removeprefix("Error: ").removeprefix("error: ")
    if len(text) > SHOWN:
        text = "… " + text[-SHOWN:].partition(" ")[2]
    return text or "it said nothing"
