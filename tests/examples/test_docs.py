"""The pages stay true where a program can tell: commands, flags, links, files, inventories and manifests."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from reconciler.cli import HIDDEN, VERBS
from reconciler.manifests.inventory import fleet_findings, load_fleet
from reconciler.manifests.load import load_tree

TOP = Path(__file__).parents[2]
TEMPLATE = TOP / "repo-template"
PAGES = (
    *(TOP / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((TOP / "docs").glob("*.md")),
    TEMPLATE / "README.md",
)
GENERATED = {"manifests.md"}
"""Its text comes from the models; its own test compares the two."""
COMMAND = re.compile(r"(?:^|(?<!-o)[\s`(/])reconciler ([a-z][^`\n|#)]*)")
"""Not the user of that name in `install -o reconciler`."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(page: Path) -> str:
    return str(page.relative_to(TOP))


@pytest.fixture(params=PAGES, ids=named)
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def code(text: str) -> Iterator[str]:
    """What stands between backticks, in fences, or indented by four: never prose."""
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.S | re.M)
    indented = re.findall(r"^ {4,}\S.*", text, re.M)
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    yield from (line for block in fenced for line in block.splitlines())
    yield from indented
    yield from inline


def commands(text: str) -> Iterator[list[str]]:
    """Every `reconciler VERB …` that is written as code, as words; those within `$(…)`, too."""
    for line in code(text):
        for part in re.split(r'"?\$\(', line):
            for found in COMMAND.findall(part):
                yield shlex.split(re.split(r"&&|;| & |\s--\s", re.sub(r"[\[\]…]", " ", found))[0])


def verb(name: str) -> click.Command:
    found: click.Command = importlib.import_module(f"reconciler.cli.{name}").command
    return found


def flags(command: click.Command) -> set[str]:
    return {flag for parameter in command.params for flag in parameter.opts} | {"--help", "-h"}


def unknown_words(words: list[str]) -> list[str]:
    """Verbs, subcommands and flags of one written command that don't exist."""
    if words[0] not in VERBS and words[0] not in HIDDEN:
        return [words[0]]
    command, rest = verb(words[0]), words[1:]
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        names = re.split(r"\|", rest[0])
        if missing := [name for name in names if name not in command.commands]:
            return missing
        command, rest = command.commands[names[0]], rest[1:]
    written = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return [flag for flag in written if flag not in flags(command)]


def test_every_command_and_flag_exists(page: Path) -> None:
    wrong = {" ".join(words): bad for words in commands(page.read_text()) if (bad := unknown_words(words))}
    assert wrong == {}


def test_commands_are_found_and_wrong_ones_told() -> None:
    """The test above would pass on an empty list, too."""
    text = "`reconciler plan . --diff` and `reconciler frobnicate`\n\n    sudo reconciler lab up --nodez 3\n"
    found = list(commands(text))
    assert sorted(found) == [["frobnicate"], ["lab", "up", "--nodez", "3"], ["plan", ".", "--diff"]]
    assert sorted(unknown_words(words) for words in found) == [[], ["--nodez"], ["frobnicate"]]
    assert len(list(commands((TOP / "README.md").read_text()))) >= 6


def test_every_verb_is_on_some_page() -> None:
    mentioned = {words[0] for page in PAGES for words in commands(page.read_text())}
    assert set(VERBS) - mentioned == set()


def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not leads_somewhere(page, link)]
    assert broken == []


def leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"https?://", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text())


def anchors(text: str) -> set[str]:
    """As GitHub makes them: lower case, spaces become hyphens, other signs go."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_are_found_and_broken_ones_told() -> None:
    page = TOP / "README.md"
    assert len(LINK.findall(page.read_text())) >= 10
    assert leads_somewhere(page, "docs/operations.md#where-it-runs")
    assert not leads_somewhere(page, "docs/operations.md#nowhere")
    assert not leads_somewhere(page, "docs/nowhere.md")


def documents() -> Iterator[tuple[str, str]]:
    """YAML on the pages, indented or fenced, that says its kind or is a part of nodes.yaml."""
    for page in PAGES:
        if page.name in GENERATED:
            continue
        text = page.read_text()
        fenced = re.findall(r"^```yaml\n(.*?)^```", text, re.S | re.M)
        text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
        indented = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", text, re.M)
        for block in (*fenced, *(re.sub(r"^ {4}", "", b, flags=re.M) for b in indented)):
            if re.search(r"^(apiVersion|spec):", block, re.M):
                yield named(page), block.replace("AAAA…", HOST_KEY)


HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIL8RkSYUCFSAblTQ8+IeVcSqv1Pla/2dq8qB73AM1hMs"
DOCUMENTS = tuple(documents())


def test_there_are_documents() -> None:
    assert {"docs/quickstart.md", "docs/concepts.md", "docs/operations.md"} <= {name for name, _ in DOCUMENTS}


@pytest.mark.parametrize(("name", "block"), DOCUMENTS, ids=[name for name, _ in DOCUMENTS])
def test_every_document_is_valid(name: str, block: str, tmp_path: Path) -> None:
    """A part of an inventory is laid over the template's; a manifest is loaded as it is."""
    read, *more = yaml.safe_load_all(block)
    file = tmp_path / "nodes.yaml"
    if more or ("kind" in read and read["kind"] != "Fleet"):
        (tmp_path / "page.yaml").write_text(block)
        assert load_tree(tmp_path).findings == ()
        return
    base = yaml.safe_load((TEMPLATE / "nodes.yaml").read_text())
    merged = {**base, **read, "spec": {**base["spec"], **read["spec"]}}
    file.write_text(yaml.safe_dump(merged))
    assert fleet_findings(file) == ()
    assert load_fleet(file).spec.nodes


@pytest.mark.parametrize("name", ["make demo", "make test"])
def test_the_two_commands_are_targets(name: str) -> None:
    assert name in (TOP / "README.md").read_text()
    assert re.search(rf"^{name.removeprefix('make ')}:", (TOP / "Makefile").read_text(), re.M)


def test_every_metric_on_the_page_is_served() -> None:
    served = (TOP / "reconciler/api/metrics.py").read_text()
    table = re.findall(r"`reconciler_(\w+)`", (TOP / "docs/operations.md").read_text())
    assert len(table) >= 10
    missing = [name for name in table if name.removesuffix("_total").removesuffix("_info") not in served]
    assert missing == []


def test_every_source_file_on_a_page_exists(page: Path) -> None:
    written = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|sh))`", page.read_text())
    roots = (TOP, TOP / "reconciler")
    assert [path for path in written if not any((root / path).is_file() for root in roots)] == []
