"""`reconciler` itself: every verb has a file and help, and a misspelt one a suggestion."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from reconciler.cli import HIDDEN, VERBS, reconciler


@pytest.mark.parametrize("verb", [*VERBS, *HIDDEN])
def test_every_verb_has_help(verb: str) -> None:
    result = CliRunner().invoke(reconciler, [verb, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("servee", "Did you mean serve?"),
        ("stauts", "Did you mean status?"),
        ("frobnicate", "'frobnicate'.\n"),
    ],
)
def test_a_misspelt_verb_gets_a_suggestion(word: str, said: str) -> None:
    result = CliRunner().invoke(reconciler, [word])
    assert result.exit_code == 2
    assert f"No such command '{word}'" in result.output
    assert said in result.output


def test_help_names_every_verb_and_no_hidden_one() -> None:
    shown = CliRunner().invoke(reconciler, ["--help"]).output
    assert [verb for verb in VERBS if f"\n  {verb}" not in shown] == []
    assert [verb for verb in HIDDEN if f"\n  {verb}" in shown] == []
