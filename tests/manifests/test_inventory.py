"""nodes.yaml: what is filled in, and what is refused with its line."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InventoryError
from reconciler.manifests.inventory import fleet_findings, load_fleet
from reconciler.manifests.load import load_tree

FLEET = Path(__file__).parent / "fleet" / "nodes.yaml"
HEAD = "apiVersion: reconciler.io/v1\nkind: Fleet\nmetadata: {name: home}\nspec:\n"
SOURCE = "  source: {directory: {path: .}}\n"
NODE = "  nodes: [{name: a, address: 'ssh://a'}]\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "nodes.yaml"
    file.write_text(text)
    return file


def test_defaults_and_paths_are_filled_in() -> None:
    fleet = load_fleet(FLEET)
    first, second, third = fleet.spec.nodes
    assert first.known_hosts_file == str(FLEET.parent.resolve() / "known_hosts")
    assert first.identity_file == str(Path("~/.ssh/fleet").expanduser())
    assert second.address == "ssh://pi@10.0.0.12:2222"
    assert third.taints[0].key == "dedicated"
    assert fleet.spec.source.directory is not None
    assert fleet.spec.source.directory.path == str(FLEET.parent.resolve())


def test_a_nodes_own_values_win(tmp_path: Path) -> None:
    text = HEAD + SOURCE + "  defaults: {jump: b, dockerSocket: /x, identityFile: /k}\n  nodes:\n"
    text += "  - {name: a, address: 'ssh://a', jump: c, dockerSocket: /y, identityFile: own}\n"
    text += "  - {name: b, address: 'ssh://b'}\n"
    one, two = load_fleet(write(tmp_path, text)).spec.nodes
    assert (one.jump, one.docker_socket, one.identity_file) == ("c", "/y", str(tmp_path / "own"))
    assert (two.jump, two.docker_socket, two.identity_file) == ("b", "/x", "/k")


def test_paths_of_every_source_become_absolute(tmp_path: Path) -> None:
    text = HEAD + "  source: {git: {url: x, identityFile: key}}\n" + NODE
    text += "  serve: {webhook: {secretFile: hook}}\n"
    spec = load_fleet(write(tmp_path, text)).spec
    assert spec.source.git is not None
    assert spec.source.git.identity_file == str(tmp_path / "key")
    assert spec.serve.webhook is not None
    assert spec.serve.webhook.secret_file == str(tmp_path / "hook")
    hosted = load_fleet(
        write(tmp_path, HEAD + "  source: {hosted: {path: r.git}}\n" + NODE)
    ).spec.source.hosted
    assert hosted is not None
    assert hosted.path == str(tmp_path / "r.git")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (SOURCE + "  nodes: []\n", 6, "spec.nodes: expected at least one node"),
        (SOURCE, 4, "spec.nodes: is missing"),
        (SOURCE + "  nodes: [{name: a, address: 10.0.0.1}]\n", 6, "a node's address"),
        (SOURCE + "  nodes: [{name: A, address: 'ssh://a'}]\n", 6, "a node's name"),
        (SOURCE + "  nodes: [{name: a, address: 'ssh://a:x'}]\n", 6, "expected ssh://user@host:port"),
        (SOURCE + "  nodes: [{name: a, address: 'ssh://u:hunter2@a'}]\n", 6, "expected ssh://user@host:port"),
        (SOURCE + "  nodes: [{name: a, adress: 'ssh://a', address: 'ssh://a'}]\n", 6, 'unknown field "adress"'),
        (SOURCE + "  nodes: [{name: a, address: 'ssh://a', hostKey: x}]\n", 6, "expected a line such as ssh-ed25519"),
        (
            SOURCE + "  nodes:\n  - {name: a, address: 'ssh://a'}\n  - {name: a, address: 'ssh://b'}\n",
            8,
            'a second node is called "a"',
        ),
        (
            SOURCE + "  nodes:\n  - {name: a, address: 'ssh://a'}\n  - {name: b, address: 'ssh://a'}\n",
            8,
            "is the address of a, too",
        ),
        (NODE + "  source: {git: {url: x}, directory: {path: .}}\n", 6, "found git and directory"),
        (NODE + "  source: {git: {url: x, interval: 30}}\n", 6, "expected a duration, found 30\n  write it as 30s"),
        (NODE + "  source: {git: {url: x, interval: soon}}\n", 6, "expected a duration"),
        (NODE + SOURCE + "  network: {podCIDR: x}\n", 7, "expected an IPv4 network"),
        (NODE + SOURCE + "  network: {podCIDR: 10.0.0.0/28}\n", 7, "slices of /24 for 1 nodes"),
        (NODE + SOURCE + "  network: {serviceCIDR: 'fd00::/64'}\n", 7, "expected an IPv4 network"),
        (NODE + SOURCE + "  network: {serviceCIDR: 10.43.0.0/25}\n", 7, "has room for few Services, expected /24"),
        (NODE + SOURCE + "  network: {serviceCIDR: 10.42.128.0/20}\n", 7, "overlaps podCIDR, 10.42.0.0/16"),
        (NODE + SOURCE + "  network: {mtu: 100}\n", 7, "expected 0 or at least 576, found 100"),
        (NODE + SOURCE + "  network: {vxlanPort: 30789}\n", 7, "30789 is in the range of node ports"),
        (NODE + SOURCE + "  network: {clusterDomain: my_home}\n", 7, "expected a DNS name"),
        (NODE + SOURCE + "  network: {ingress: {httpPort: 443}}\n", 7, "expected another port than httpPort, found 443 for both"),
        (NODE + SOURCE + "  network: {ingress: {httpPort: 30080}}\n", 7, "30080 is in the range of node ports"),
        (NODE + SOURCE + "  network: {ingress: {acme: {email: me}}}\n", 7, "expected an e-mail address"),
        (NODE + SOURCE + "  network: {ingress: {acme: {directory: 'http://x'}}}\n", 7, "expected an https address"),
        (SOURCE + "  nodes: [{name: a, address: 'ssh://a', internalIP: pi.lan}]\n", 6, "expected an IPv4 address"),
        (SOURCE + "  nodes: [{name: a, address: 'ssh://a', internalIP: 10.42.0.9}]\n", 6, "10.42.0.9 is in podCIDR, 10.42.0.0/16"),
        (SOURCE + "  nodes: [{name: a, address: 'ssh://a', internalIP: 10.43.0.9}]\n", 6, "10.43.0.9 is in serviceCIDR"),
        (
            SOURCE + "  nodes:\n  - {name: a, address: 'ssh://a', internalIP: 10.0.0.9}\n  - {name: b, address: 'ssh://b', internalIP: 10.0.0.9}\n",
            8,
            "is the address of a, too",
        ),
        (NODE + SOURCE + "  serve: {listen: '7420'}\n", 7, "expected host:port"),
        (NODE + SOURCE + "  onAbort: revert\n", 7, "a directory has no commits that could be taken back"),
        (NODE + SOURCE + "  logs: {maxSize: 1}\n", 7, "expected a size from 4Ki to 1Ti"),
        (NODE + SOURCE + "  images: {gcLowThresholdPercent: 85}\n", 7, "expected less than gcHighThresholdPercent"),
        (NODE + SOURCE + "  logs: {maxFiles: 1}\n", 7, "spec.logs.maxFiles"),
        (NODE + SOURCE + "  logs: {driver: journald}\n", 7, "spec.logs.driver"),
        (NODE + SOURCE + "  onAbort: undo\n", 7, "spec.onAbort"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = write(tmp_path, HEAD + text)
    with pytest.raises(InventoryError) as caught:
        load_fleet(file)
    assert message in str(caught.value)
    assert f"{file}:{line} " in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("{clusterDomain: local}", "local belongs to multicast DNS"),
        ("{ingress: {httpPort: 8080, acme: {email: me@example.com}}}", "ACME servers ask on port 80"),
    ],
)
def test_what_is_only_doubtful_is_a_warning(tmp_path: Path, network: str, message: str) -> None:
    (found,) = fleet_findings(write(tmp_path, HEAD + SOURCE + NODE + f"  network: {network}\n"))
    assert found.severity == "warning"
    assert found.message.startswith(message)


def test_the_file_of_a_private_certificate_authority_becomes_absolute(tmp_path: Path) -> None:
    text = HEAD + SOURCE + NODE + "  network: {ingress: {acme: {caFile: ca.pem}}}\n"
    acme = load_fleet(write(tmp_path, text)).spec.network.ingress.acme
    assert acme is not None
    assert acme.ca_file == str(tmp_path / "ca.pem")


def test_every_error_at_once(tmp_path: Path) -> None:
    text = HEAD + "  sorce: {}\n  nodes: [{name: A, address: 'ssh://a', labels: {a: 1}}]\n"
    with pytest.raises(InventoryError) as caught:
        load_fleet(write(tmp_path, text))
    assert all(word in str(caught.value) for word in ("did you mean source?", "a node's name", "quote it"))


@pytest.mark.parametrize("text", ["", "a: 1", "[]", "apiVersion: v1\nkind: Pod\n"])
def test_another_file_is_no_inventory(tmp_path: Path, text: str) -> None:
    with pytest.raises(InventoryError, match="holds no object of kind Fleet"):
        load_fleet(write(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="No such file"):
        load_fleet(tmp_path / "nodes.yaml")


def test_no_source_is_a_warning_since_apply_takes_one(tmp_path: Path) -> None:
    file = write(tmp_path, HEAD + NODE)
    assert load_fleet(file).spec.nodes[0].name == "a"
    assert [finding.severity for finding in fleet_findings(file)] == ["warning"]


def test_an_inventory_among_the_manifests_is_checked_and_never_an_object(tmp_path: Path) -> None:
    write(tmp_path, HEAD + SOURCE + "  nodes: []\n")
    loaded = load_tree(tmp_path)
    assert loaded.objects == ()
    assert [(f.file, f.line) for f in loaded.findings] == [("nodes.yaml", 6)]


@pytest.mark.parametrize("source", ["git: {url: x}", "hosted: {path: x.git}"])
def test_commits_are_taken_back_where_there_are_some(tmp_path: Path, source: str) -> None:
    text = HEAD + NODE + f"  source: {{{source}}}\n"
    assert load_fleet(write(tmp_path, text)).spec.on_abort == "hold"
    assert load_fleet(write(tmp_path, text + "  onAbort: revert\n")).spec.on_abort == "revert"
