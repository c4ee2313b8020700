"""How much of what pods write is kept: the fleet's default, a pod's own wish, and the engine's own ways."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.pods.logs import log_config
from reconciler.model.fleet import LogsSpec

DEFAULT = {"max-size": "10485760", "max-file": "5"}


@pytest.mark.parametrize(
    ("logs", "annotations", "engine", "expected"),
    [
        (LogsSpec(), {}, "json-file", ("json-file", DEFAULT)),
        (LogsSpec(), {}, "local", ("local", DEFAULT)),
        (LogsSpec(), {}, "journald", None),
        (LogsSpec(), {}, "none", None),
        (LogsSpec(), {}, "", None),
        (LogsSpec(driver="local"), {}, "journald", ("local", DEFAULT)),
        (
            LogsSpec(max_size="1M", max_files=2),
            {},
            "json-file",
            ("json-file", {"max-size": "1000000", "max-file": "2"}),
        ),
        (
            LogsSpec(driver="local"),
            {"reconciler.io/log-driver": "json-file", "reconciler.io/log-max-size": "1Gi"},
            "journald",
            ("json-file", {"max-size": "1073741824", "max-file": "5"}),
        ),
        (
            LogsSpec(),
            {"reconciler.io/log-max-files": "3"},
            "json-file",
            ("json-file", {"max-size": "10485760", "max-file": "3"}),
        ),
    ],
)
def test_logs_are_bounded_unless_the_engine_keeps_them_in_its_own_way(
    logs: LogsSpec, annotations: dict[str, str], engine: str, expected: tuple[str, dict[str, Any]] | None
) -> None:
    found = log_config(logs, annotations, engine)
    assert found == ({"Type": expected[0], "Config": expected[1]} if expected else None)
