"""`reconciler nodes`, as people type it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.lab import Lab

pytestmark = pytest.mark.programs


def run(*words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from reconciler.cli import main; main()", "nodes", *words],
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def inventory(folder: Path, *nodes: str) -> str:
    file = folder / "nodes.yaml"
    entries = "".join(f"    - {node}\n" for node in nodes)
    file.write_text(
        "apiVersion: reconciler.io/v1\nkind: Fleet\nmetadata: {name: home}\nspec:\n  nodes:\n" + entries
    )
    return str(file)


def test_a_node_that_cannot_be_reached_fails_with_its_remedy(tmp_path: Path) -> None:
    file = inventory(tmp_path, f"{{name: a, address: 'unix://{tmp_path}/absent'}}")
    done = run("check", "-f", file)
    assert done.returncode == 1
    assert "FAIL  docker" in done.stdout
    assert "systemctl start docker" in done.stdout
    found = json.loads(run("check", "-f", file, "-o", "json").stdout)
    assert [(r["node"], r["failed"], r["checks"][0]["status"]) for r in found] == [("a", True, "fail")]


def test_a_name_that_no_node_has_is_said_with_those_there_are(tmp_path: Path) -> None:
    done = run("check", "b", "-f", inventory(tmp_path, "{name: a, address: 'unix:///x'}"))
    assert done.returncode == 1
    assert "no such node: b" in done.stderr
    assert "its nodes are a" in done.stderr


def test_trust_says_which_node_it_could_not_ask(tmp_path: Path) -> None:
    done = run("trust", "--yes", "-f", inventory(tmp_path, "{name: a, address: 'ssh://root@127.0.0.1:1'}"))
    assert done.returncode == 1
    assert "node a" in done.stderr
    assert "Connection refused" in done.stderr


@pytest.mark.fleet
def test_from_an_unknown_node_to_a_trusted_one(lab: Lab, tmp_path: Path) -> None:
    node = lab.nodes[0]
    shutil.copy(lab.identity, tmp_path / "key")
    entry = f"{{name: a, address: 'ssh://root@{node.ip}', identityFile: key}} # mine"
    file = inventory(tmp_path, entry)
    known = ("-f", file)

    first = run("check", *known)
    assert first.returncode == 1
    assert "nodes trust a" in first.stdout

    assert "nobody is there to ask" in run("trust", *known).stderr

    refused = run("trust", *known, answer="n\n")
    assert refused.returncode == 1
    assert "hostKey" not in Path(file).read_text()

    pinned = run("trust", *known, answer="y\n")
    assert pinned.returncode == 0
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", str(node.directory / "ssh" / "host_key.pub")],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout.split()[1]
    assert fingerprint in pinned.stdout
    assert "# mine" in Path(file).read_text()
    assert yaml.safe_load(Path(file).read_text())["spec"]["nodes"][0]["hostKey"].startswith("ssh-ed25519 ")

    assert run("check", *known).returncode == 0
    assert "already trusted" in run("trust", *known).stdout
