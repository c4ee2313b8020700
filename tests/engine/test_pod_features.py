"""What a manifest asks for is what a program finds inside its container, on a real Engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.pod_features import CASES, CONTENTS
from tests.engine.pods import OnNode, record

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("nothing_left")]


@pytest.mark.parametrize(("wanted", "script", "expected"), CASES, ids=[c[0][0] for c in CASES])
def test_a_program_finds_what_its_manifest_asks_for(
    node: OnNode, tmp_path: Path, wanted: Any, script: str, expected: str
) -> None:
    name, spec, labels = wanted
    spec = json.loads(json.dumps(spec).replace("HOSTTMP", str(tmp_path)))
    spec["containers"][0]["image"] = node.image
    one = record(name, spec, labels=labels, node=node.node)
    here = node.lab.node(node.node)
    words = {"NODE_IP": here.ip, "NODE_HOST": node.lab.exec(node.node, ["hostname"]).stdout.strip()}
    for word, value in {**words, "NODE": node.node}.items():
        expected = expected.replace(word, value)
    with node.running(one, CONTENTS) as state:
        assert (state.phase, state.reason) == ("Running", "")
        assert node.sh(one, script) == expected
