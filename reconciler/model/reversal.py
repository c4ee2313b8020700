"""A version that is taken back in Git: what is asked for, and what came of it."""

from __future__ import annotations

from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.revision import REVERTS

TRAILER = "Reconciler-Reverts"
"""The line of a commit's message by which a revert of ours is known again, whatever else is forgotten."""


class Reversal(Value):
    """Version `template_hash` of an object failed; the branch is to hold `stable_hash` of it again.

    `evidence` is text for people, in paragraphs, without the commit that is taken back: which one that is
    shows in the repository.
    """

    about: Key
    template_hash: str
    stable_hash: str
    evidence: str

    @property
    def trailer(self) -> str:
        return f"{TRAILER}: {self.about} {self.template_hash}"

    def message(self, commit: str, subject: str) -> str:
        """Of the commit that takes `commit` back. As `git revert` begins it, so that tools know it."""
        return f'{REVERTS}{subject}"\n\n{self.evidence}\n\nThis reverts commit {commit}.\n\n{self.trailer}\n'


class Reverted(Value):
    """How an attempt ended: with the new head of the branch in `commit`, or with an `error`."""

    reversal: Reversal
    commit: str = ""
    error: str = ""
