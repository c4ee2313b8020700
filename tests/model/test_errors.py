"""Errors are text, whatever they are about."""

from __future__ import annotations

import os

from reconciler.errors import ManifestError, NodeError, SourceError
from reconciler.model.finding import Finding

NAME = os.fsdecode(b"caf\xe9.yaml")
"""As the system gives a file's name that is no UTF-8."""


def test_a_name_that_is_no_text_is_written_out() -> None:
    """The record and HTTP couldn't take it, and the loop would end of that."""
    error = SourceError(f"{NAME} can't be read", where=f"/srv/{NAME}", remedy=f"rename {NAME}")
    assert error.line == r"caf\udce9.yaml can't be read; rename caf\udce9.yaml"
    assert str(error) == "/srv/caf\\udce9.yaml: caf\\udce9.yaml can't be read\n  rename caf\\udce9.yaml"
    assert str(NodeError(NAME, node="pi-1")) == r"node pi-1: caf\udce9.yaml"
    assert str(ManifestError([Finding(file=NAME, message="isn't YAML")])) == r"caf\udce9.yaml: isn't YAML"


def test_what_is_text_stays_as_it_is() -> None:
    assert str(SourceError("café: ✔\nmore", where="ü")) == "ü: café: ✔\n  more"
