"""Files get to the node container as they are, however large: both ends of the conversation, no node."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.engine import node_image
from reconciler.engine.dataplane.session import put

SCRIPT = Path(node_image.__file__).with_name("node.sh")


@pytest.mark.parametrize("lines", [0, 1, 5000], ids=["empty", "small", "large"])
def test_a_file_arrives_as_it_was_sent(tmp_path: Path, lines: int) -> None:
    content = b"default_web_80.tcp default_web_80.http\n" * lines
    net, run = tmp_path / "net", tmp_path / "run"
    net.mkdir()
    run.mkdir()
    said = put("maps/http.map", content) + b"commit run\n"
    assert len(said) < 2000
    done = subprocess.run(
        ["sh", str(SCRIPT), "session"],
        input=said,
        env=os.environ | {"NET": str(net), "RUN": str(run)},
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == b"ok\n"
    assert not list(run.glob("next.*"))
    assert (net / "maps" / "http.map").read_bytes() == content
