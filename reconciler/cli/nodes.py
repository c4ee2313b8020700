"""`reconciler nodes`: is every node fit for its work, and are their host keys pinned?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.options import fleet_option, output_option
from reconciler.cli.terminal import echo, echo_json, styled
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.fleet import Fleet, NodeSpec

if TYPE_CHECKING:
    from reconciler.engine.fitness.report import Report
    from reconciler.engine.fitness.trust import Offer

AT_A_TIME = 16
_MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}

T = TypeVar("T")


@click.group("nodes")
def command() -> None:
    """Check nodes and pin their host keys."""


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@fleet_option
@output_option
def check(names: tuple[str, ...], fleet_file: Path, output: str) -> int:
    """Examine nodes: reach, host key, login, Docker, forwarding, capacity, clock, network. Changes nothing.

    Exits 1 if a node can't do its work.
    """
    from reconciler.engine.fitness.doctor import examine
    from reconciler.engine.fitness.neighbours import neighbours

    fleet, nodes = _chosen(fleet_file, names)
    known = neighbours(fleet)
    reports = _side_by_side(lambda spec: examine(spec, fleet, known), nodes)
    failed = 0
    if output == "json":
        reports = list(reports)
        _print_json(reports)
    for report in reports:
        failed += report.failed
        if output == "text":
            _print(report)
    return 1 if failed else 0


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@fleet_option
@click.option("-y", "--yes", is_flag=True, help="Pin without asking.")
def trust(names: tuple[str, ...], fleet_file: Path, yes: bool) -> int:
    """Fetch host keys, show their fingerprints, and pin them after a yes.

    Compare each fingerprint with what the node itself says:
    `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`.
    """
    from reconciler.engine.fitness.report import unforeseen
    from reconciler.engine.fitness.trust import fetch

    nodes = [n for n in _chosen(fleet_file, names)[1] if n.address.startswith("ssh://")]
    missed = 0
    for node in nodes:
        try:
            offer = fetch(node, fleet_file)
        except ReconcilerError as error:
            echo(str(error), err=True)
            missed += 1
            continue
        except Exception as error:  # of this node: the others are asked all the same
            echo(f"node {node.name}: {': '.join(unforeseen(error))}", err=True)
            missed += 1
            continue
        missed += not _settle(offer, fleet_file, yes)
    return 1 if missed else 0


def _settle(offer: Offer, inventory: Path, yes: bool) -> bool:
    """Whether this key is pinned in the end."""
    from reconciler.engine.fitness.trust import pin

    echo(f"{offer.node} ({offer.known_as}) shows {offer.key}")
    if offer.is_trusted:
        echo("  already trusted")
        return True
    for old in offer.trusted:
        echo(styled(f"  CHANGED: trusted so far was {old}", fg="red"))
    if not yes and not _agreed(offer):
        echo("  not pinned")
        return False
    pin(offer, inventory)
    echo(f"  pinned in {offer.file}")
    return True


def _agreed(offer: Offer) -> bool:
    try:
        return click.confirm(f"  pin it in {offer.file}?", default=False)
    except click.Abort as end:
        if isinstance(end.__context__, EOFError):
            echo()
            raise UsageError(
                "nobody is there to ask", where=offer.node, remedy="compare it, then --yes"
            ) from end
        raise


def _chosen(fleet_file: Path, names: Sequence[str]) -> tuple[Fleet, list[NodeSpec]]:
    from reconciler.manifests.inventory import load_fleet

    fleet = load_fleet(fleet_file)
    nodes = {n.name: n for n in fleet.spec.nodes}
    if unknown := [n for n in names if n not in nodes]:
        raise UsageError(
            f"no such node: {', '.join(unknown)}",
            where=str(fleet_file),
            remedy=f"its nodes are {', '.join(nodes) or 'none'}",
        )
    return fleet, [nodes[n] for n in names] if names else list(nodes.values())


def _side_by_side(examine: Callable[[NodeSpec], T], nodes: Sequence[NodeSpec]) -> Iterable[T]:
    """In the nodes' order, each as soon as it and those before it are done."""
    with ThreadPoolExecutor(max(1, min(AT_A_TIME, len(nodes)))) as pool:
        yield from pool.map(examine, nodes)


def _print(report: Report) -> None:
    echo(styled(f"{report.node}  {report.address}", bold=True))
    width = max((len(c.name) for c in report.checks), default=0)
    for found in report.checks:
        mark, color = _MARKS[found.status]
        echo("  ", styled(mark, fg=color), f"  {found.name:<{width}}  {found.found}")
        if found.remedy:
            echo(f"        {'':<{width}}  -> {found.remedy}")


def _print_json(reports: Sequence[Report]) -> None:
    import msgspec

    def plain(report: Report) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(report)
        return {**found, "failed": report.failed}

    echo_json([plain(r) for r in reports], indent=2)
