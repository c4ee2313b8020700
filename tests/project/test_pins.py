"""The lock file: it pins what pyproject.toml asks for, with hashes, and nothing of a machine is in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = {
    canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, re.M)
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("wanted", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
def test_every_dependency_is_pinned_within_its_range(wanted: str) -> None:
    requirement = Requirement(wanted)
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin and pin in requirement.specifier, f"pinned: {pin}; run `make lock`"


def test_every_pin_has_a_hash() -> None:
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.M)[1:]
    assert len(entries) == len(PINS) > len(PROJECT["dependencies"])
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_it_names_no_index_and_no_path() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|(^|\s)/|@ file", LOCK)
