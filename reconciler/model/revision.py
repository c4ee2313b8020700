"""The state of a source at one moment: a commit, or what a directory held."""

from __future__ import annotations

from reconciler.model.base import Told

REVERTS = 'Revert "'
"""How `git revert` begins a commit's subject."""


class Revision(Told):
    """`id` is a full commit hash, or `dir-<digest>` for a directory. `time` in seconds since the epoch."""

    id: str
    subject: str = ""
    author: str = ""
    time: float = 0.0

    @property
    def reverts(self) -> bool:
        """Whether it says that it takes an earlier commit back."""
        return self.subject.startswith(REVERTS)

    @property
    def short(self) -> str:
        return self.id[:16] if self.id.startswith("dir-") else self.id[:7]

    def __str__(self) -> str:
        return f"{self.short} {self.subject}".rstrip()
