"""`reconciler init`: a working fleet repository, copied from the template that travels with the package."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from shlex import quote

import click

from reconciler.cli.terminal import echo
from reconciler.errors import UsageError

TEMPLATE = Path(__file__).parents[1] / "template"
SCHEMAS = Path(__file__).parents[1] / "schemas"
"""Both are links to the project's top level in a checkout, folders in an installed package."""
HOSTED = """\
    hosted:
      path: ../homelab.git  # made by `reconciler serve`; push to it over ssh
"""
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
BRANCH = "main"


@click.command("init")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--name", help="The fleet's name.  [default: the directory's]")
@click.option("--hosted", is_flag=True, help="Push to a repository that `serve` owns (the default).")
@click.option("--git", "url", metavar="URL", help="Read the manifests from a repository elsewhere.")
@click.option("--directory", "watched", is_flag=True, help="Read the manifests from this very directory.")
@click.option("--commit", is_flag=True, help="Make the first commit, too.")
def command(
    directory: Path, name: str | None, hosted: bool, url: str | None, watched: bool, commit: bool
) -> None:
    """Create a fleet repository in DIRECTORY (default: here) from the template.

    Nothing that is there already is overwritten.
    """
    if hosted + (url is not None) + watched > 1:
        raise click.UsageError("--hosted, --git and --directory exclude each other")
    where = directory.resolve()
    fleet = name or _name_from(where)
    if not NAME.fullmatch(fleet):
        raise click.BadParameter(f'"{fleet}": expected at most 40 of a-z, 0-9 and -', param_hint="--name")
    _refuse_taken(where)
    _copy(where)
    _fill_in(where / "nodes.yaml", fleet, _source(fleet, url, watched))
    _repository(where, commit)
    echo(_next_steps(directory, fleet, url, watched, commit))


def _name_from(where: Path) -> str:
    """The directory's name as far as it can be one."""
    return re.sub(r"[^a-z0-9-]+", "-", where.name.lower()).strip("-")[:40].strip("-") or "homelab"


def _files(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _refuse_taken(where: Path) -> None:
    taken = [str(file) for file in _files(TEMPLATE) if (where / file).exists() or (where / file).is_symlink()]
    if taken:
        raise UsageError(
            f"is there already: {', '.join(taken)}",
            where=str(where),
            remedy="choose an empty directory, or move these files away; nothing was written",
        )


def _copy(where: Path) -> None:
    for source, target in ((TEMPLATE, where), (SCHEMAS, where / ".schemas")):
        for file in _files(source):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)


def _source(fleet: str, url: str | None, watched: bool) -> str:
    """The block below `source:` in nodes.yaml."""
    if url is not None:
        return f"    git:\n      url: {_quoted(url)}\n      branch: {BRANCH}\n"
    if watched:
        return "    directory:\n      path: .  # this very directory, watched\n"
    return HOSTED.replace("homelab", fleet)


def _quoted(text: str) -> str:
    """A YAML scalar: JSON's strings are YAML's."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _fill_in(nodes: Path, fleet: str, source: str) -> None:
    text = nodes.read_text("utf-8")
    if HOSTED not in text:
        raise RuntimeError("the template's nodes.yaml and HOSTED differ")
    nodes.write_text(text.replace(HOSTED, source).replace("  name: homelab\n", f"  name: {fleet}\n"), "utf-8")


def _repository(where: Path, commit: bool) -> None:
    """Made unless the directory is in one already."""
    from git import GitError, Repo

    try:
        try:
            repository = Repo(where, search_parent_directories=True)
        except GitError:
            repository = Repo.init(where, initial_branch=BRANCH)
        with repository:
            if commit:
                repository.git.add("--all", "--", str(where))
                message = "A fleet repository from the template"
                repository.git.commit("--quiet", "-m", message, "--", str(where))
    except (GitError, OSError) as error:
        raise UsageError(
            f"the files are written, but git failed: {error}",
            where=str(where),
            remedy="try `git init` by hand",
        ) from error


def _next_steps(directory: Path, fleet: str, url: str | None, watched: bool, commit: bool) -> str:
    steps = [] if directory == Path() else [f"cd {quote(str(directory))}"]
    steps += [
        "edit nodes.yaml: your machines",
        "reconciler nodes trust && reconciler nodes check",
        "reconciler plan .",
    ]
    if not commit:
        steps.append('git add --all && git commit -m "The fleet"')
    if watched:
        steps.append("reconciler serve")
    elif url is not None:
        steps += [f"git push {url} HEAD:{BRANCH}", "reconciler serve"]
    else:
        steps += ["reconciler serve &", f"git push ../{fleet}.git HEAD:{BRANCH}"]
    lines = "\n".join(f"  {step}" for step in steps)
    return f"The fleet {fleet} is in {directory.resolve()}. Next:\n{lines}"
