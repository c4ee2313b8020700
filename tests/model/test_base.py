"""What holds for every value."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.programs

RACE = """
import threading
import pytest

import msgspec
from reconciler.model.base import typed
from reconciler.model.observed import PodRecord
gate = threading.Barrier(8)
text = b'{"namespace": "a", "name": "b", "owner": ["Pod", "a", "b"], "template_hash": "", "revision": "",' \\
    b' "node": "n", "spec": {"containers": [{"name": "c", "image": "i"}]}}'
def work():
    gate.wait()
    msgspec.json.decode(text, type=typed(PodRecord))
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_may_decode_to_a_type_that_nobody_has_decoded_to_before() -> None:
    """Without `typed` this dies with a segmentation fault, though not every time."""
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", RACE], check=False, timeout=30, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
