"""Images to try things with: a small web server in versions that differ, break or never get ready."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from reconciler.lab import interpreter
from reconciler.lab.image import ImageSpec
from reconciler.lab.lab import Lab

SERVE = "trap 'exit 0' TERM; httpd -f -p ${PORT:-8080} -h /www & wait"
"""As the container's first process the shell must handle SIGTERM, or it would sit out the grace period."""

VERSIONS = ("v1", "v2", "v3")


def push_all(lab: Lab) -> dict[str, str]:
    """Build and push all; `name:tag` -> full reference.

    web:v1, v2 and v3 answer their version at `/` and `ok` at `/healthz`, on port 8080 or $PORT. web:unready
    serves, but has no `/healthz`. web:broken exits 3 at once. sleeper:v1 waits to be told to stop.
    """
    found = {f"web:{version}": push_web(lab, version) for version in VERSIONS}
    found["web:unready"] = push_web(lab, "unready", healthy=False)
    found["web:broken"] = lab.image("web:broken", shell("echo broken; exit 3"))
    found["sleeper:v1"] = lab.image("sleeper:v1", shell("trap 'exit 0' TERM; sleep 2147483647 & wait"))
    return found


def push_apps(lab: Lab) -> dict[str, str]:
    """Build and push what a network is tried with: app:v1, v2 and v3, see sample_app.py. v3 is no good.

    Not part of `push_all`: at some MB each engine takes a moment for them.
    """
    script = Path(__file__).with_name("sample_app.py")
    with TemporaryDirectory() as folder:
        python = interpreter.copy_into(Path(folder), script)
        shutil.copyfile(script, Path(folder) / "app.py")
        base = ImageSpec(
            directory=Path(folder),
            entrypoint=(python, *interpreter.FLAGS, "/app.py"),
            ports=(8080, 9000, 9001),
        )
        return {f"app:{version}": lab.image(f"app:{version}", _app(base, version)) for version in VERSIONS}


def _app(base: ImageSpec, version: str) -> ImageSpec:
    bad = ("BAD=1",) if version == "v3" else ()
    return msgspec.structs.replace(base, env=(f"VERSION={version}", *bad))


def push_web(lab: Lab, version: str, *, healthy: bool = True) -> str:
    with TemporaryDirectory() as folder:
        pages = Path(folder) / "www"
        pages.mkdir(mode=0o755)
        (pages / "index.html").write_text(f"{version}\n")
        if healthy:
            (pages / "healthz").write_text("ok\n")
        return lab.image(f"web:{version}", shell(SERVE, directory=Path(folder), ports=(8080,)))


def shell(script: str, *, directory: Path | None = None, ports: tuple[int, ...] = ()) -> ImageSpec:
    return ImageSpec(directory=directory, command=("sh", "-c", script), ports=ports)
