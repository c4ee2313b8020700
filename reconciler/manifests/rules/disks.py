"""Rules about what keeps nodes' disks from filling up: the size of logs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown
from reconciler.model.fleet import FleetSpec
from reconciler.model.labels import LOG_DRIVER, LOG_MAX_FILES, LOG_MAX_SIZE
from reconciler.model.meta import ObjectMeta
from reconciler.model.quantity import parse_quantity

_SMALLEST, _LARGEST = 4096, 2**40
_FILES = re.compile(r"[2-9]|[1-9][0-9]{1,2}")
_DRIVERS = ("json-file", "local")


def of_fleet(spec: FleetSpec) -> Iterator[Said]:
    yield from _size(str(spec.logs.max_size), ("spec", "logs", "maxSize"))

    images = spec.images
    if images.gc_low_threshold_percent >= images.gc_high_threshold_percent:
        message = (
            f"expected less than gcHighThresholdPercent, which is {images.gc_high_threshold_percent}, "
            f"found {images.gc_low_threshold_percent}"
        )
        path = ("spec", "images", "gcLowThresholdPercent")
        yield Said(path, message, "leave both out for 80 and 85", rule="range")


def of_pod(meta: ObjectMeta, path: Path) -> Iterator[Said]:
    at = (*path, "annotations")
    if (driver := meta.annotations.get(LOG_DRIVER)) is not None and driver not in _DRIVERS:
        message = f"expected json-file or local, found {shown(driver)}"
        yield Said((*at, LOG_DRIVER), message, "leave it out for the node's own", rule="annotation")
    if (size := meta.annotations.get(LOG_MAX_SIZE)) is not None:
        yield from _size(size, (*at, LOG_MAX_SIZE))
    if (files := meta.annotations.get(LOG_MAX_FILES)) is not None and not _FILES.fullmatch(files):
        message = f"expected a number from 2 to 999, found {shown(files)}"
        yield Said((*at, LOG_MAX_FILES), message, 'write it as "5"', rule="annotation")


def _size(text: str, path: Path) -> Iterator[Said]:
    try:
        fits = len(text) <= 32 and _SMALLEST <= parse_quantity(text) <= _LARGEST
    except (ValueError, ArithmeticError):
        fits = False
    if not fits:
        message = f"expected a size from 4Ki to 1Ti, found {shown(text)}"
        yield Said(path, message, "write it as 10Mi", rule="quantity")
