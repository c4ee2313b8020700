"""pytest, and then once more, alone, each test that failed: what passes now was a race, and is named as one.

`python .ci/again.py FLAKY [pytest's words ...]` adds to the file FLAKY a line `flaky: TEST` for each of
them, with the end of the first failure's text. Ends as pytest did, or with 0 if each of them passed.

Alone: in a process of its own with nothing beside it, and so on a lab of its own. `.ci/run` wants this and
`make test` doesn't: a race is a defect for whoever works on the code, and no reason to hold up finished work.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 8
"""More failures than these are no race: nothing is run again."""

LINES = 40
"""The most of one failure's text that is kept."""


class Failures:
    """A plugin of pytest: what failed, and how, in order. A worker's death counts, too."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            text = report.longreprtext.splitlines()[-LINES:]
            self.texts.setdefault(report.nodeid, "\n".join(text))


def main(flaky: Path, words: list[str]) -> int:
    failures = Failures()
    code = int(pytest.main(words, plugins=[failures]))
    # Any other end (interrupted, a test file that can't be read, a bug) is no matter of luck.
    if code != pytest.ExitCode.TESTS_FAILED or not 0 < len(failures.texts) <= MOST:
        return code
    print(f"\n{len(failures.texts)} failed; now each of them alone", flush=True)
    passed = [test for test in failures.texts if passes(test)]
    with flaky.open("a") as file:
        file.writelines(f"flaky: {test}\n{failures.texts[test]}\n" for test in passed)
    return 0 if len(passed) == len(failures.texts) else code


def passes(test: str) -> bool:
    return subprocess.run([sys.executable, "-m", "pytest", test], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
