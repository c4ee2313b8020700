"""What a program says in processes whose sets and hashes have different orders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def said_in_processes(program: str) -> set[str]:
    """What it prints, of two of them."""
    texts = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", program]
        run = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=True, timeout=120
        )
        texts.add(run.stdout)
    return texts
