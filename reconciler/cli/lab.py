"""`reconciler lab`: a disposable fleet of real nodes on this machine."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import output_option
from reconciler.cli.terminal import echo, echo_json

if TYPE_CHECKING:
    from reconciler.lab import Lab

Command = Callable[..., Any]


@click.group()
def command() -> None:
    """A disposable fleet of real nodes on this Linux machine: each its own sshd and Docker Engine.

    Needs root, and changes nothing that `down` doesn't take back.
    """


def lab_options(function: Command) -> Command:
    """Which lab is meant."""
    place = click.Path(path_type=Path, file_okay=False)
    function = click.option("--dir", "directory", type=place, help="Its files (default: by its name).")(
        function
    )
    return click.option("--name", default="lab", show_default=True, help="Which lab.")(function)


def find(name: str, directory: Path | None) -> Lab:
    from reconciler.lab import Lab

    return Lab.find(name, directory)


@command.command()
@lab_options
@click.option("--nodes", default=3, show_default=True, help="How many.")
@click.option("--prefix", default="pi", show_default=True, help="Nodes are called PREFIX-1 and so on.")
@click.option("--subnet", default="", metavar="A.B.C.0/24", help="Its network (default: one that is free).")
@click.option(
    "--engine",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Another engine: a folder with bin/dockerd, or a daemon.json for it (default: this machine's).",
)
def up(name: str, directory: Path | None, nodes: int, prefix: str, subnet: str, engine: Path | None) -> None:
    """Start a lab."""
    from reconciler.lab import Lab

    lab = Lab.up(name, nodes, directory, prefix=prefix, subnet=subnet, engine=engine)
    for node in lab.nodes:
        echo(f"{node.name}  {node.address}")
    echo(f"registry    {lab.registry}")
    echo(f"inventory   {lab.nodes_yaml}")
    echo(f"try         ssh -i {lab.identity} -o UserKnownHostsFile={lab.known_hosts} root@{lab.nodes[0].ip}")


@command.command()
@click.argument("engine", metavar="NAME")
def engine(engine: str) -> None:
    """Fetch another engine from Debian and say where it is, for `up --engine`; nothing is installed.

    NAME is docker-trixie, docker-sid, docker-sid-containerd (the same with containerd's image store) or
    podman-trixie.
    """
    from reconciler.lab import other_engine

    echo(other_engine.fetch(engine))


@command.command()
@lab_options
def down(name: str, directory: Path | None) -> None:
    """Remove a lab, whatever state it is in."""
    from reconciler.lab.down import down
    from reconciler.lab.state import directory_of

    there = down(directory_of(name, directory))
    echo(f"lab {name} is gone" if there else f"there is no lab {name}")


@command.command()
@lab_options
@output_option
def status(name: str, directory: Path | None, output: str) -> None:
    """Show a lab's nodes."""
    lab = find(name, directory)
    nodes = lab.status()
    if output == "json":
        found = {
            "name": lab.name,
            "directory": str(lab.directory),
            "registry": lab.registry,
            "inventory": str(lab.nodes_yaml),
            "nodes": nodes,
        }
        echo_json(found, indent=2)
        return
    rows = [("NODE", "ADDRESS", "POWER", "LINK", "ENGINE")]
    rows += [(node.name, node.address, node.power, node.link, node.engine) for node in nodes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command(context_settings={"ignore_unknown_options": True})
@lab_options
@click.argument("node")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec(context: click.Context, name: str, directory: Path | None, node: str, argv: tuple[str, ...]) -> None:
    """Run a command on a node: `reconciler lab exec pi-1 -- docker ps`."""
    done = subprocess.run([*find(name, directory).entering(node), *argv], check=False)
    context.exit(done.returncode)


@command.command()
@lab_options
@click.argument("node")
def cut(name: str, directory: Path | None, node: str) -> None:
    """Cut a node's link. Its containers go on."""
    find(name, directory).cut(node)


@command.command()
@lab_options
@click.argument("node")
def heal(name: str, directory: Path | None, node: str) -> None:
    """Mend a node's link."""
    find(name, directory).heal(node)


@command.command()
@lab_options
@click.argument("node")
def kill(name: str, directory: Path | None, node: str) -> None:
    """Cut a node's power."""
    find(name, directory).kill(node)


@command.command()
@lab_options
@click.argument("node")
def start(name: str, directory: Path | None, node: str) -> None:
    """Switch a node on again."""
    find(name, directory).start(node)


@command.command()
@lab_options
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--image", required=True, metavar="NAME:TAG", help="What to call it.")
@click.option("--cmd", help="What it runs: a shell line; without busybox, a program and its arguments.")
@click.option("--env", multiple=True, metavar="NAME=VALUE")
@click.option("--port", multiple=True, type=int, help="A port that it listens on.")
@click.option("--user", default="", help="Whom it runs as.")
@click.option("--base", type=click.Choice(["busybox", "scratch"]), default="busybox", show_default=True)
@click.option("--platform", default="", metavar="OS/ARCH", help="For another machine (default: this one's).")
def images(
    name: str,
    directory: Path | None,
    folder: Path,
    image: str,
    cmd: str | None,
    env: tuple[str, ...],
    port: tuple[int, ...],
    user: str,
    base: str,
    platform: str,
) -> None:
    """Build a tiny image from DIR, which becomes its root, and push it to the lab's registry."""
    from reconciler.lab.image import ImageSpec

    words = ("sh", "-c", cmd or "") if base == "busybox" else tuple(shlex.split(cmd or ""))
    spec = ImageSpec(
        directory=folder,
        busybox=base == "busybox",
        command=words if cmd else (),
        env=env,
        ports=port,
        user=user,
        platform=platform,
    )
    echo(find(name, directory).image(image, spec))
