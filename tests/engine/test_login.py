"""Which private keys are offered to a node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.engine.connection.address import Endpoint
from reconciler.engine.connection.login import _keys

pytestmark = pytest.mark.programs


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ssh: it may be somebody else's by now."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    endpoint = Endpoint(user="root", host="pi", port=22, identity_files=(str(key),), only_these=True)
    for mode, offered in ((0o600, True), (0o644, False), (0o640, False), (0o400, True)):
        key.chmod(mode)
        tried: list[str] = []
        assert bool(list(_keys(endpoint, tried))) == offered
        said = (
            [] if offered else [f"{key}: others may read it ({mode:04o}), so it isn't used: chmod 600 {key}"]
        )
        assert tried == said
