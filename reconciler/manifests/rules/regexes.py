"""Rules about regular expressions."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence

from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown
from reconciler.model.rollout import DryRun, MeasurementRetention


def compiles(text: str, path: Path) -> Iterator[Said]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of forms that may mean something else one day
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        message = f"expected a regular expression, found {shown(text)}: {error}"
        yield Said(path, message, "put \\ before characters that stand for themselves", rule="regex")


def metric_names(
    dry_run: Sequence[DryRun], retention: Sequence[MeasurementRetention], path: Path
) -> Iterator[Said]:
    """Both name metrics by regular expressions."""
    for index, one in enumerate(dry_run):
        yield from compiles(one.metric_name, (*path, "dryRun", index, "metricName"))
    for index, two in enumerate(retention):
        yield from compiles(two.metric_name, (*path, "measurementRetention", index, "metricName"))
