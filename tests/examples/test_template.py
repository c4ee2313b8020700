"""The template and the annotated inventory stay right: every file of them goes through the validator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from reconciler.manifests.inventory import fleet_findings, load_fleet
from reconciler.manifests.load import load_tree

TOP = Path(__file__).parents[2]
TEMPLATE = TOP / "repo-template"


@pytest.mark.parametrize("file", [TOP / "nodes.yaml", TEMPLATE / "nodes.yaml"], ids=["top", "template"])
def test_the_inventories_are_valid(file: Path) -> None:
    assert fleet_findings(file) == ()
    assert len(load_fleet(file).spec.nodes) == 3


def test_what_the_annotated_inventory_shows_as_comments_is_valid_too(tmp_path: Path) -> None:
    """Each commented block takes the place of what stands before it."""
    text = (TOP / "nodes.yaml").read_text()
    for kind in ("git", "directory"):
        lines = text.splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith("    hosted:"))
        end = start + 4
        opened = [line.replace("    # ", "    ", 1) for line in lines]
        begin = next(n for n, line in enumerate(lines) if line.startswith(f"    # {kind}:"))
        block = [opened[begin]]
        for line in opened[begin + 1 :]:
            if not line.startswith("      "):
                break
            block.append(line)
        file = tmp_path / f"{kind}.yaml"
        file.write_text("\n".join([*lines[:start], *block, *lines[end:]]) + "\n")
        assert fleet_findings(file) == ()
        assert getattr(load_fleet(file).spec.source, kind) is not None


@pytest.mark.parametrize("file", [TOP / "nodes.yaml", TEMPLATE / "nodes.yaml"], ids=["top", "template"])
def test_the_network_that_is_shown_as_a_comment_is_valid_too(tmp_path: Path, file: Path) -> None:
    lines = file.read_text().splitlines()
    start = lines.index("  # network:")
    shown = next(n for n, line in enumerate([*lines[start:], ""], start) if not line.startswith("  # "))
    opened = [line.replace("  # ", "  ", 1) for line in lines[start:shown]]
    (tmp_path / "nodes.yaml").write_text("\n".join([*lines[:start], *opened, *lines[shown:]]) + "\n")
    assert fleet_findings(tmp_path / "nodes.yaml") == ()
    network = load_fleet(tmp_path / "nodes.yaml").spec.network
    assert (network.pod_cidr, network.service_cidr) == ("10.42.0.0/16", "10.43.0.0/16")
    assert (network.ingress.acme is not None) == (file.parent == TOP)


def test_every_manifest_of_the_template_is_valid() -> None:
    fleet = load_fleet(TEMPLATE / "nodes.yaml")
    loaded = load_tree(TEMPLATE, fleet=fleet)
    assert loaded.findings == ()
    kinds = {object_.kind for object_ in loaded.objects}
    assert {"Deployment", "ConfigMap", "Service", "Ingress"} <= kinds


def test_every_other_file_is_what_its_name_says() -> None:
    for file in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
        if file.suffix in (".yaml", ".yml"):
            assert list(yaml.safe_load_all(file.read_text()))
        elif file.suffix == ".json":
            json.loads(file.read_text())


def test_the_three_checks_call_the_same_command() -> None:
    hook = yaml.safe_load((TEMPLATE / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][0]
    github = yaml.safe_load((TEMPLATE / ".github/workflows/validate.yaml").read_text())
    gitlab = yaml.safe_load((TEMPLATE / ".gitlab-ci.yml").read_text())
    assert hook["entry"] == "reconciler validate"
    assert github["jobs"]["validate"]["steps"][-1]["run"] == "reconciler validate"
    assert gitlab["validate"]["script"][-1] == "reconciler validate"
