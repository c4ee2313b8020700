"""A program that brings a lab up or down and is killed at the N-th line of the lab's code that it reaches.

`python killed.py up|down DIRECTORY N`; with N = 0 it is let live and prints how many lines there are.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from reconciler.lab import Lab, down, image, lab, layer, upload  # noqa: F401 (their imports aren't to count)

HERE = str(Path(lab.__file__).parent)


def main(verb: str, directory: Path, number: int) -> None:
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(HERE):
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            if 0 < number <= len(seen):  # threads may add two lines before either counts
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    Lab.up("killed", 2, directory) if verb == "up" else down.down(directory)
    sys.settrace(None)
    print(len(seen))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
