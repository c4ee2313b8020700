"""How much of what a pod writes the Engine keeps. Pure.

Source of the numbers: Kubernetes, the kubelet's containerLogMaxSize (10Mi) and containerLogMaxFiles (5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.fleet import LogsSpec
from reconciler.model.labels import LOG_DRIVER, LOG_MAX_FILES, LOG_MAX_SIZE
from reconciler.model.quantity import whole

_ROTATING = ("json-file", "local")
"""Drivers of the Engine that take a size and a number of files."""


def log_config(logs: LogsSpec, annotations: Mapping[str, str], engine_driver: str) -> dict[str, Any] | None:
    """HostConfig's `LogConfig`. A pod's annotations win over `logs`, the fleet's.

    None leaves it to the Engine: nobody asked for a driver, and `engine_driver`, its own default, isn't one
    that rotates, or isn't known.
    """
    driver = annotations.get(LOG_DRIVER, "") or logs.driver or engine_driver
    if driver not in _ROTATING:
        return None
    size = whole(annotations.get(LOG_MAX_SIZE, "") or logs.max_size)
    files = annotations.get(LOG_MAX_FILES, "") or str(logs.max_files)
    return {"Type": driver, "Config": {"max-size": str(size), "max-file": files}}
