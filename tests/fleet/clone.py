"""A person's clone of the hosted repository: edit, commit, push, and read what comes back."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from tests.fleet.site import Site


@dataclass
class Clone:
    """`bare` is the repository that is pushed to: the site's hosted one."""

    site: Site
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = self.site.root / "clone"
        self.path.mkdir(exist_ok=True)
        who = {
            f"GIT_{role}_{what}": "ann@example.org"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        self.environment = os.environ | who | {"GIT_CONFIG_GLOBAL": os.devnull} | self.environment
        if not (self.path / ".git").exists():
            self.git("init", "-q", "-b", "main")
            self.git("remote", "add", "origin", str(self.site.bare))

    def git(
        self, *arguments: str, check: bool = True, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {arguments} exited {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def commit(self, text: str, message: str = "change", name: str = "web.yaml") -> str:
        """The new revision. An empty text removes the file."""
        file = self.path / name
        if text:
            file.write_text(text)
        else:
            file.unlink()
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *options: str, check: bool = True) -> str:
        """What the pusher reads."""
        done = self.git("push", *options, "origin", "HEAD:main", check=check)
        return done.stdout + done.stderr

    def release(self, text: str, message: str = "change") -> str:
        """Commit, push and wait for the end, as the pusher does; returns what the pusher reads."""
        self.commit(text, message)
        return self.push()


def remote_lines(said: str) -> list[str]:
    """The reconciler's lines on the pusher's terminal."""
    return [line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:")]
