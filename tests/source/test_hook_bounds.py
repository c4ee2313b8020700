"""What checks a push ends in time and within its memory, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.source.hosted import HostedRepository
from tests.source.conftest import Work, until
from tests.source.hosting import GOOD

pytestmark = pytest.mark.programs


def checked(hosted: HostedRepository, commit: str, limit: str, **env: str) -> tuple[int, str]:
    """Exit code and words of the hook, with another limit than it has."""
    program = f"from reconciler.source import limits; limits.{limit}; from reconciler.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "hook", "pre-receive"],
        input=f"{'0' * 40} {commit} refs/heads/main\n",
        env=os.environ | {"GIT_DIR": str(hosted.path)} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_ends_in_time_with_all_that_it_started(
    clone: Work, hosted: HostedRepository, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    pid = tmp_path / "pid"
    (tmp_path / "bin" / "kustomize").write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 1000\n")
    (tmp_path / "bin" / "kustomize").chmod(0o755)
    commit = clone.commit({"kustomization.yaml": "resources: []\n"})
    clone.git("push", "origin", "main:idea")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    code, said = checked(hosted, commit, "HOOK_SECONDS = 3.0", PATH=path)
    assert (code, "refused: it couldn't be checked within 3 s" in said) == (1, True), said
    if pid.exists():  # a busy machine may be slower than the limit
        until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())
    assert not list(hosted.path.glob("reconciler-push-*"))


def test_it_keeps_within_its_memory(clone: Work, hosted: HostedRepository) -> None:
    document = f"---\n{GOOD}".replace("{name: a}", "{name: a%s}")
    files = {f"{f}.yaml": "".join(document % (f"{f}-{n}", n) for n in range(20_000)) for f in "ab"}
    commit = clone.commit(files)
    clone.git("push", "origin", "main:idea")
    code, said = checked(hosted, commit, "MAX_MEMORY = 64 << 20")
    assert (code, "refused: to check it takes more than 64 MB of memory" in said) == (1, True), said[-2000:]
