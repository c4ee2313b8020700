"""`.ci/setup` on machines that lack something: what it says, installs and leaves alone. All by stand-ins."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

SCRIPT = Path(__file__).parents[2] / ".ci" / "setup"


class Machine:
    """A checkout whose set-up is done, on a machine whose `id`, `apt-get`, `uname` and `dpkg` are ours."""

    def __init__(
        self,
        home: Path,
        *,
        missing: str = "",
        tools: str = "",
        acme: bool = True,
        user: int = 0,
        system: str = "Linux",
    ) -> None:
        self.home, self.policy, self.log = home, home / "policy-rc.d", home / "apt.log"
        answers = {"haproxy": tools, "pebble": "" if acme else "pebble-challtestsrv", "": missing}
        cases = "".join(f'*{asked}*) echo "{answer}" ;;\n' for asked, answer in answers.items())
        self.program(".venv/bin/python", f'case "$2" in\n{cases}esac')
        self.program("bin/id", f"echo {user}")
        self.program("bin/uname", f"echo {system}")
        self.program("bin/dpkg", "exit 1")
        self.program("bin/apt-cache", "exit 1")
        self.program("bin/apt-get", f'echo "$*: $(cat {self.policy} | tail -1)" >>{self.log}')
        (home / ".ci").mkdir()
        shutil.copy(SCRIPT, home / ".ci" / "setup")
        text = b"".join((home / name).read_bytes() for name in self._inputs())
        (home / ".venv" / f".set-up-{hashlib.sha256(text).hexdigest()[:16]}").touch()

    def _inputs(self) -> list[str]:
        for name in ("requirements.lock", "pyproject.toml"):
            (self.home / name).touch()
        return ["requirements.lock", "pyproject.toml", ".ci/setup"]

    def program(self, name: str, script: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.home}/bin:{os.environ['PATH']}"
        env = {"PATH": path, "POLICY_RC_D": str(self.policy), **environment}
        return subprocess.run(
            [str(self.home / ".ci" / "setup")],
            env=env,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


def test_nothing_to_do_says_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    done = machine.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not machine.log.exists()


def test_missing_packages_are_installed_after_saying_so(tmp_path: Path) -> None:
    """No daemon may start meanwhile, and nothing that is there may give way."""
    machine = Machine(tmp_path, missing="docker.io busybox-static")
    done = machine.set_up()
    assert done.returncode == 0
    assert done.stderr == (
        "set-up: the lab needs Debian packages that are missing; installing docker.io busybox-static\n"
    )
    assert machine.log.read_text().splitlines() == [
        "update -qq: exit 101",
        "install -y -qq --no-install-recommends --no-remove docker.io busybox-static: exit 101",
    ]
    assert not machine.policy.exists()


def test_what_tests_of_the_network_run_is_installed_by_its_package(tmp_path: Path) -> None:
    machine = Machine(tmp_path, tools="haproxy dnsmasq wrk")
    done = machine.set_up()
    packages = "haproxy dnsmasq-base wrk"
    assert done.returncode == 0
    assert done.stderr == (
        f"set-up: the network's tests need Debian packages that are missing; installing {packages}\n"
    )
    installed = f"install -y -qq --no-install-recommends --no-remove {packages}: exit 101"
    assert machine.log.read_text().splitlines()[1:] == [installed]
    assert not machine.policy.exists()


def test_the_acme_server_is_installed_where_there_is_the_right_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path, acme=False)
    machine.program("bin/apt-cache", "echo Homepage: https://github.com/letsencrypt/pebble")
    assert machine.set_up().stderr == (
        "set-up: the tests of certificates need Debian packages that are missing; installing pebble\n"
    )
    assert machine.log.read_text().splitlines()[-1].endswith("--no-remove pebble: exit 101")


@pytest.mark.parametrize("archive", ["exit 100", "echo Homepage: https://example.org/pebble"])
def test_without_the_right_acme_server_it_goes_on(tmp_path: Path, archive: str) -> None:
    machine = Machine(tmp_path, acme=False)
    machine.program("bin/apt-cache", archive)
    done = machine.set_up()
    assert (done.returncode, done.stderr) == (0, "")
    assert not machine.log.exists()


def test_lab_and_tools_one_after_the_other_leave_no_policy(tmp_path: Path) -> None:
    machine = Machine(tmp_path, missing="docker.io", tools="haproxy")
    machine.set_up()
    said = machine.log.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in said] == ["101"] * 4
    assert [line.split(": ")[0].split()[-1] for line in said] == ["-qq", "docker.io", "-qq", "haproxy"]
    assert not machine.policy.exists()


@pytest.mark.parametrize("apt", ["exit 0", "exit 100"])
def test_a_policy_of_the_machines_own_stays(tmp_path: Path, apt: str) -> None:
    machine = Machine(tmp_path, missing="docker.io")
    machine.program("bin/apt-get", apt)
    machine.policy.write_text("#!/bin/sh\n# mine\nexit 101\n")
    machine.set_up()
    assert machine.policy.read_text() == "#!/bin/sh\n# mine\nexit 101\n"


def test_a_failed_installation_stops_and_takes_its_policy_back(tmp_path: Path) -> None:
    machine = Machine(tmp_path, missing="docker.io")
    machine.program("bin/apt-get", '[ "$1" = update ]')
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.endswith(
        "apt-get can't install docker.io; install them as you see fit and try again\n"
    )
    assert not machine.policy.exists()


def test_without_root_it_names_what_is_missing_and_goes_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, missing="docker.io", user=1000)
    done = machine.set_up()
    assert done.returncode == 0
    assert (
        done.stderr == "set-up: the lab needs root and these Debian packages: docker.io; it can't run here\n"
    )
    assert not machine.log.exists()


def test_without_root_the_tools_are_named_too(tmp_path: Path) -> None:
    done = Machine(tmp_path, tools="wrk", user=1000).set_up()
    assert done.returncode == 0
    assert done.stderr == (
        "set-up: the network's tests need root and these Debian packages: wrk; they can't run here\n"
    )


def test_without_linux_the_lab_is_left_out(tmp_path: Path) -> None:
    done = Machine(tmp_path, missing="docker.io", system="Darwin").set_up()
    assert (done.returncode, done.stderr) == (0, "set-up: the lab needs Linux; it can't run here\n")


def test_without_a_python_that_is_new_enough(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for stamp in (tmp_path / ".venv").glob(".set-up-*"):
        stamp.unlink()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        machine.program(f"bin/{name}", "exit 1")
    machine.program(".venv/bin/python", "exit 1")
    done = machine.set_up()
    assert done.returncode == 1
    assert "set-up: Python 3.11 or newer is needed" in done.stderr
