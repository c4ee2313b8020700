"""Why an analysis can't be run as it is written."""

from __future__ import annotations


class Unfit(ValueError):
    """The run ends with phase Error and this message. It never carries a secret's value."""
