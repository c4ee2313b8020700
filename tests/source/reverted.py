"""A repository that commits are taken back in, and a stand-in for what knows what its files mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.model.fleet import (
    Fleet,
    FleetMeta,
    FleetSpec,
    GitSource,
    SourceSpec,
)
from reconciler.model.meta import Key
from reconciler.model.reversal import Reversal
from reconciler.source.open import open_reverter
from reconciler.source.reverting import Reverter
from reconciler.source.snapshot import Snapshot
from tests.source.conftest import Work

WEB = Key("Rollout", "default", "web")


class Judge:
    """The version is what web.yaml and its settings hold; a file called broken.yaml is an error."""

    def version(self, snapshot: Snapshot) -> str:
        files = (snapshot.root / "web.yaml", snapshot.root / "settings.yaml")
        return "+".join(f.read_text().splitlines()[0] for f in files if f.is_file())

    def fault(self, snapshot: Snapshot) -> str:
        return "broken.yaml:1 isn't YAML" if (snapshot.root / "broken.yaml").exists() else ""

    def wanted(self) -> bool:
        return True


def reversal(bad: str = "v2", stable: str = "v1") -> Reversal:
    return Reversal(about=WEB, template_hash=bad, stable_hash=stable, evidence="Why: error-rate was 0.3")


def fleet(**source: object) -> Fleet:
    return Fleet(
        api_version="reconciler.io/v1",
        kind="Fleet",
        metadata=FleetMeta(name="home"),
        spec=FleetSpec(nodes=(), source=SourceSpec(**source), on_abort="revert"),  # type: ignore[arg-type]
    )


class Remote:
    """A bare repository, a work tree that pushes to it, and what takes commits back there."""

    def __init__(self, work: Work, home: Path) -> None:
        self.work, self.path, self.home = work, home / "remote.git", home
        work.git("init", "--bare", "--quiet", "--initial-branch=main", str(self.path))
        work.git("remote", "add", "origin", str(self.path))
        self.pushes = 0
        self.reverter = self.open()

    def open(self, folder: str = ".") -> Reverter:
        git = GitSource(url=str(self.path), path=folder)
        return open_reverter(fleet(git=git), self.home / "cache", self._pushed)

    def _pushed(self) -> None:
        self.pushes += 1

    def push(self, files: dict[str, str], message: str) -> str:
        commit = self.work.commit(files, message)
        self.work.git("push", "--quiet", "origin", "main")
        return commit

    def pull(self) -> None:
        self.work.git("pull", "--quiet", "--ff-only", "origin", "main")

    def read(self, *args: str) -> str:
        return self.work.git("--git-dir", str(self.path), *args)

    @property
    def head(self) -> str:
        return self.read("rev-parse", "main")

    def file(self, name: str) -> str:
        return self.read("show", f"main:{name}")

    def hook(self, name: str, text: str) -> None:
        hook = self.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{text}\n")
        hook.chmod(0o755)


@pytest.fixture
def there(work: Work, tmp_path: Path) -> Iterator[Remote]:
    remote = Remote(work, tmp_path)
    yield remote
    remote.reverter.close()
