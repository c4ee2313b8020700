"""Structured logs over the standard library: one line a record, for people or as JSON.

Any room logs with `logging.getLogger(__name__)` and, where it has facts, `extra={"context": {...}}`.
Never put a secret's value, or an object that holds one, into a message or a context.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal, TextIO

from reconciler.printable import printable_json, printable_lines

Format = Literal["text", "json"]

ROOT = "reconciler"
LONGEST = 65_536
"""Characters of one record's text."""


def setup_logging(format: Format = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Log this project's records to `stream` (standard error), and other libraries' warnings.

    Called again, it replaces what it set before.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if format == "json" else TextLines())
    handler.set_name(ROOT)
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == ROOT]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())
    # paramiko logs every refused connection with a traceback; our own node states say it better.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class TextLines(logging.Formatter):
    """`2026-01-31T10:00:00.123Z warning loop: the source can't be read  url=... error="..."`."""

    def format(self, record: logging.LogRecord) -> str:
        words = [_stamp(record), record.levelname.lower(), f"{_room(record)}:", record.getMessage()]
        line = " ".join(words)
        pairs = " ".join(f"{k}={_quoted(v)}" for k, v in _context(record).items())
        line = f"{line}  {pairs}" if pairs else line
        line = printable_lines(line, LONGEST).replace("\n", "\n  ")
        trace = printable_lines(self.formatException(record.exc_info), LONGEST) if record.exc_info else ""
        return f"{line}\n{trace}" if trace else line


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the context's own keys."""

    def format(self, record: logging.LogRecord) -> str:
        fixed: dict[str, Any] = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _cut(record.getMessage()),
        }
        if record.exc_info:
            fixed["exception"] = _cut(self.formatException(record.exc_info))
        return printable_json(json.dumps({**_context(record), **fixed}, default=str, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text):,} characters)"


def _stamp(record: logging.LogRecord) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03d}Z"


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{ROOT}.")


def _context(record: logging.LogRecord) -> Mapping[str, Any]:
    found = getattr(record, "context", None)
    if not isinstance(found, Mapping):
        return {}
    return {name: _cut(value) if isinstance(value, str) else value for name, value in found.items()}


def _quoted(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    plain = text and not any(c in text for c in ' "=\n\t')
    return text if plain else json.dumps(text, ensure_ascii=False)
