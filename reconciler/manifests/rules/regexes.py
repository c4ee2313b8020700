"""Rules about regular expressions, and about what names metrics by them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Sequence

from reconciler.manifests.arguments import has_argument
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
    for at, text in _texts(dry_run, retention, path):
        yield from compiles(text, at)


def match_some(
    dry_run: Sequence[DryRun],
    retention: Sequence[MeasurementRetention],
    names: Collection[str],
    path: Path,
) -> Iterator[Said]:
    """Argo Rollouts refuses a run with a rule that none of its metrics matches: what was to be dry counts."""
    if any(has_argument(name) for name in names):
        return
    for at, text in _texts(dry_run, retention, path):
        if not any(compiles(text, at)) and not any(re.search(text, name) for name in names):
            message = f"expected what matches the name of a metric, found {shown(text)}"
            remedy = f"the metrics are {', '.join(sorted(names)[:12])}"
            yield Said(at, message, remedy, rule="metric")


def _texts(
    dry_run: Sequence[DryRun], retention: Sequence[MeasurementRetention], path: Path
) -> Iterator[tuple[Path, str]]:
    for index, one in enumerate(dry_run):
        yield (*path, "dryRun", index, "metricName"), one.metric_name
    for index, two in enumerate(retention):
        yield (*path, "measurementRetention", index, "metricName"), two.metric_name
