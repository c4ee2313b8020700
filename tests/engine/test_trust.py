"""Pinning host keys: the files are edited, their comments and layout stay."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.connection.hostkeys import pinned
from reconciler.engine.fitness.trust import replace_file, with_host_key, with_known_host
from reconciler.errors import InventoryError

OLD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOlOG7oeLODyvkAsnN3+bnYrZMvL7txs13cglPwPdJ9l"
NEW = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOuHm0/DB8/rimmTXAgG9X1j0E4ozOngEEOBCsgt7AFg"
KEY = pinned("x", NEW)[0]

ENTRIES = [
    "    - name: pi-1 # the first\n      address: ssh://root@a # up there\n      labels: {a: b}\n",
    "    - address: ssh://root@a\n      name: pi-1\n",
    "    - {name: pi-1, address: 'ssh://root@a', labels: {}}\n",
    f"    - name: pi-1\n      address: ssh://root@a\n      hostKey: {OLD} # old\n      unschedulable: true\n",
    f'    - name: pi-1\n      hostKey: "{OLD}"\n      address: ssh://root@a\n',
    f"    - name: pi-1\n      address: ssh://root@a\n      hostKey: |\n        {OLD}\n      labels: {{}}\n",
    f"    - name: pi-1\n      address: ssh://root@a\n      hostKey: >-\n        {OLD}\n",
    "    - name: pi-1\n      address:\n        ssh://root@a\n",
]


def inventory(*entries: str) -> str:
    return (
        "# mine\napiVersion: reconciler.io/v1\nkind: Fleet\nspec:\n  nodes:\n" + "".join(entries) + "# end\n"
    )


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("last", [True, False])
def test_the_key_is_written_whatever_the_layout(entry: str, last: bool) -> None:
    other = "    - name: pi-2 # other\n      address: ssh://root@b\n"
    text = inventory(other, entry) if last else inventory(entry, other)
    fresh = with_host_key(text, "pi-1", NEW)
    nodes = {n["name"]: n for n in yaml.safe_load(fresh)["spec"]["nodes"]}
    assert nodes["pi-1"]["hostKey"].strip() == NEW
    assert "hostKey" not in nodes["pi-2"]
    assert [
        c for c in ("# mine", "# the first", "# up there", "# other", "# end") if c in text and c not in fresh
    ] == []


@given(st.permutations(["pi-1", "pi-2", "pi-3"]))
def test_pinning_all_nodes_in_any_order_is_the_same(order: list[str]) -> None:
    text = inventory(*(f"    - name: pi-{i}\n      address: ssh://root@h{i}\n" for i in (1, 2, 3)))
    for name in order:
        text = with_host_key(text, name, NEW)
    assert all(n["hostKey"] == NEW for n in yaml.safe_load(text)["spec"]["nodes"])
    assert with_host_key(text, "pi-2", NEW) == text


def test_a_node_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InventoryError, match='no node "pi-9"'):
        with_host_key(inventory(ENTRIES[0]), "pi-9", NEW)


def test_a_layout_that_cannot_be_edited_is_said_and_left_alone() -> None:
    text = inventory("    - &a {name: pi-1, address: ssh://root@a}\n    - {<<: *a, name: pi-2}\n")
    with pytest.raises(InventoryError, match="hostKey: ssh-ed25519"):
        with_host_key(text, "pi-1", NEW)


@pytest.mark.programs
def test_known_hosts_keeps_everything_but_the_old_key_of_that_host(tmp_path: Path) -> None:
    text = f"# mine\na {OLD}\n[a]:23 {OLD}\nb,a {OLD}\nnonsense\n"
    fresh = with_known_host(text, "a", KEY)
    assert fresh == f"# mine\n[a]:23 {OLD}\nb {OLD}\nnonsense\na {NEW}\n"
    hashed = tmp_path / "known"
    hashed.write_text(f"a {OLD}\nb {OLD}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(hashed)], check=True, capture_output=True, timeout=10)
    assert len(with_known_host(hashed.read_text(), "a", KEY).splitlines()) == 2


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text("old")
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    replace_file(link, "new")
    assert file.read_text() == "new"
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.yaml", "nodes.yaml"]
