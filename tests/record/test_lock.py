"""One reconciler a fleet; the second one is told who, since when and how to look."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.errors import FleetLocked, ReconcilerError
from reconciler.record.lock import PATIENCE_S, FleetLock, holder, lock_path

HOLD = """
import sys, time
from pathlib import Path
from reconciler.record.lock import FleetLock
with FleetLock("home", Path(sys.argv[1])) as lock:
    lock.serves(listen="127.0.0.1:7420", unix_socket=Path("/run/x.sock"))
    print("held", flush=True)
    time.sleep(60)
"""

WATCH = """
import sys
from pathlib import Path
from reconciler.record.lock import holder
print("go", flush=True)
while True:
    holder("home", Path(sys.argv[1]))
"""


def other_process(directory: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.programs
def test_a_second_process_is_refused_politely(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        try:
            with pytest.raises(FleetLocked) as refused, FleetLock("home", tmp_path):
                pytest.fail("two reconcilers on one fleet")
            said = str(refused.value)
            assert f"pid {process.pid}" in said
            assert "since 20" in said
            assert "`reconciler status`" in said
            assert refused.value.where == "fleet home"
        finally:
            process.kill()


@pytest.mark.programs
def test_who_holds_it_and_where_to_ask(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        found = holder("home", tmp_path)
        process.kill()
    assert found is not None
    assert (found.pid, found.listen, found.unix_socket) == (process.pid, "127.0.0.1:7420", "/run/x.sock")


@pytest.mark.programs
def test_a_killed_holder_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
    assert "home" in lock_path("home", tmp_path).name
    assert holder("home", tmp_path) is None
    with FleetLock("home", tmp_path):
        found = holder("home", tmp_path)
    assert found is not None
    assert found.pid == os.getpid()


def test_nobody_holds_it(tmp_path: Path) -> None:
    assert holder("home", tmp_path) is None
    with FleetLock("home", tmp_path):
        pass
    assert holder("home", tmp_path) is None


def test_other_fleets_are_free(tmp_path: Path) -> None:
    with FleetLock("home", tmp_path), FleetLock("work", tmp_path):
        assert holder("home", tmp_path) is not None


@pytest.mark.programs
def test_looking_does_not_keep_a_reconciler_from_starting(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCH, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(50):
                with FleetLock("home", tmp_path):
                    pass
        finally:
            process.kill()


NOBODY = '{"pid": PID, "since": 0, "host": "%s", "command": "serve"}'


@pytest.mark.parametrize("left", ["", NOBODY.replace("PID", "4194305"), NOBODY.replace("PID", "9" * 12)])
def test_who_looks_and_is_slow_to_let_go_does_not_either(tmp_path: Path, left: str) -> None:
    """Whatever the last one left there: no process has that number."""
    path = lock_path("home", tmp_path)
    path.write_text(left and left % os.uname().nodename)
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        letting_go = threading.Timer(2 * PATIENCE_S, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        letting_go.start()
        with FleetLock("home", tmp_path):
            pass
        letting_go.join()


def test_what_it_says_of_where_it_serves_is_replaced_whole(tmp_path: Path) -> None:
    with FleetLock("home", tmp_path) as lock:
        lock.serves(listen="[2001:db8::1]:7420", unix_socket=tmp_path / ("x" * 80))
        lock.serves(listen="a:1")
        found = holder("home", tmp_path)
    assert found is not None
    assert (found.listen, found.unix_socket) == ("a:1", "")


def test_a_directory_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReconcilerError) as failed, FleetLock("home", tmp_path / "file" / "locks"):
        pytest.fail("a lock that doesn't lock")
    assert "writable" in failed.value.remedy
    assert "file/locks" in failed.value.where


def test_a_file_of_an_earlier_run_is_locked_on_a_disk_that_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FleetLock("home", tmp_path):
        pass
    real = os.open

    def read_only(path: str | Path, flags: int, *mode: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    with FleetLock("home", tmp_path) as lock:
        lock.serves(listen="127.0.0.1:7420")
        assert holder("home", tmp_path) is not None
        with pytest.raises(FleetLocked), FleetLock("home", tmp_path):
            pytest.fail("two reconcilers on one fleet")
    lock_path("home", tmp_path).unlink()
    with pytest.raises(ReconcilerError, match="Read-only"), FleetLock("home", tmp_path):
        pytest.fail("without a file there is no lock")


def test_a_full_disk_leaves_the_lock_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with FleetLock("home", tmp_path), pytest.raises(FleetLocked), FleetLock("home", tmp_path):
        pytest.fail("two reconcilers on one fleet")


def test_a_lock_whose_file_is_removed_is_taken_anew(tmp_path: Path) -> None:
    with FleetLock("home", tmp_path) as lock:
        lock.serves(listen="127.0.0.1:7420")
        shutil.rmtree(tmp_path)
        lock.keep()
        found = holder("home", tmp_path)
        assert found is not None
        assert found.listen == "127.0.0.1:7420"
        lock.keep()
    assert holder("home", tmp_path) is None


def test_a_lock_that_another_took_meanwhile_is_lost(tmp_path: Path) -> None:
    with FleetLock("home", tmp_path) as lock:
        lock_path("home", tmp_path).unlink()
        with FleetLock("home", tmp_path), pytest.raises(FleetLocked, match=f"pid {os.getpid()}"):
            lock.keep()
