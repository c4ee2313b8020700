"""What `status` says, as words and tables without any looks; and those as plain aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.base import Value
from reconciler.model.duration import human_duration
from reconciler.model.quantity import human_bytes, human_cpu
from reconciler.printable import one_line
from reconciler.record.overview import IngressLine, NodeLine, Overview, PodLine, ServiceLine, WorkloadLine

EVENTS_SHOWN = 8
LINES_SHOWN = 8
PATHS_SHOWN = 3


class Table(Value):
    """Rows of as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Page(Value):
    """`head` says what is going on and why; tables without rows are left out."""

    head: tuple[str, ...]
    tables: tuple[Table, ...]


def page(seen: Overview, now: float) -> Page:
    """`now` (epoch seconds) gives ages."""
    tables = (
        _workloads(seen),
        _pods(seen, now),
        _services(seen),
        _ingresses(seen),
        _nodes(seen, now),
        _events(seen, now),
    )
    return Page(head=tuple(_head(seen, now)), tables=tuple(tidy(t) for t in tables if t.rows))


def plain(shown: Page) -> str:
    """For pipes and files: never cut, columns aligned by spaces."""
    return "\n\n".join(["\n".join(shown.head), *map(_aligned, shown.tables)])


def age(since: float | None, now: float) -> str:
    """As `kubectl` shows it: `5s`, `3m12s`, `2h5m`, `4d`."""
    if not since:
        return "-"
    length = max(0.0, now - since)
    return f"{int(length // 86400)}d" if length >= 2 * 86400 else human_duration(int(length))


def tidy(table: Table) -> Table:
    """One line a row, and no column that has nothing to say."""
    rows = [[" ".join(cell.split()) for cell in row] for row in table.rows]
    kept = [i for i in range(len(table.columns)) if any(row[i] for row in rows)]
    columns = tuple(table.columns[i] for i in kept)
    return Table(columns=columns, rows=tuple(tuple(row[i] for i in kept) for row in rows))


def _head(seen: Overview, now: float) -> Iterable[str]:
    yield f"fleet {seen.fleet}: {seen.standing if seen.running else 'no reconciler runs on this machine'}"
    yield f"  {one_line(seen.why)}" if seen.running else "  this is what its nodes hold"
    if seen.standing == "failed" and not any(w.delivery == "aborted" for w in seen.workloads):
        yield "  it is rolled no further until its manifest changes: push a fix, or revert"
    if seen.wanted is not None:
        done = "" if seen.converged == seen.wanted.id else f", last converged {_short(seen.converged)}"
        yield f"revision {seen.wanted}{done}"
    if seen.refused:
        yield from _first(f"revision {_short(seen.refused)} is refused: {seen.refused_because}".splitlines())
    if seen.source_error:
        yield f"the source can't be read: {seen.source_error}"
    if seen.running and now - seen.at > 120:
        yield f"the last pass was {age(seen.at, now)} ago"
    yield from _first(seen.failing)
    yield from _first([f"now: {one_line(action)}" for action in seen.actions])
    yield from _first([one_line(wait) for wait in seen.waits])
    yield from _first([f"note: {one_line(note)}" for note in seen.notes])


def _first(lines: Sequence[str]) -> Iterable[str]:
    """So many that the tables below stay on the screen; `-o json` has them all."""
    yield from lines[:LINES_SHOWN]
    if len(lines) > LINES_SHOWN:
        yield f"  (and {len(lines) - LINES_SHOWN} more)"


def _short(revision: str) -> str:
    if not revision:
        return "none"
    return revision[:16] if revision.startswith("dir-") else revision[:7]


def _workloads(seen: Overview) -> Table:
    columns = ("WORKLOAD", "WANTED", "UPDATED", "READY", "AVAILABLE", "STANDING", "DELIVERY", "WHY")
    if any(w.desired is None for w in seen.workloads):
        found = tuple((_name(w), str(w.ready), str(w.total)) for w in seen.workloads)
        return Table(columns=("WORKLOAD", "READY", "PODS"), rows=found)
    rows = tuple(
        (_name(w), *map(str, (w.desired, w.updated, w.ready, w.available)), w.standing, w.delivery, w.message)
        for w in seen.workloads
    )
    return Table(columns=columns, rows=rows)


def _name(workload: WorkloadLine) -> str:
    return f"{workload.kind} {workload.namespace}/{workload.name}"


def _pods(seen: Overview, now: float) -> Table:
    columns = ("POD", "NODE", "IP", "READY", "STATUS", "RESTARTS", "AGE", "WHY")
    return Table(columns=columns, rows=tuple(_pod(p, now) for p in seen.pods))


def _pod(pod: PodLine, now: float) -> tuple[str, ...]:
    name = f"{pod.namespace}/{pod.name}"
    ready = f"{pod.ready}/{pod.containers}"
    created = age(pod.created_at, now)
    return name, pod.node, pod.ip or "-", ready, pod.status, str(pod.restarts), created, pod.message


def _services(seen: Overview) -> Table:
    columns = ("NAMESPACE", "NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORTS", "ENDPOINTS", "WHY")
    return Table(columns=columns, rows=tuple(_service(s) for s in seen.services))


def _service(service: ServiceLine) -> tuple[str, ...]:
    pending = "<pending>" if service.type == "LoadBalancer" else "-"
    return (
        service.namespace,
        service.name,
        service.type,
        service.ip or "-",
        ",".join(service.external) or pending,
        ",".join(service.ports) or "-",
        _endpoints(service),
        service.message,
    )


def _endpoints(service: ServiceLine) -> str:
    if service.type == "ExternalName":
        return "-"
    return str(service.ready) if service.endpoints is None else f"{service.ready}/{service.endpoints}"


def _ingresses(seen: Overview) -> Table:
    columns = ("NAMESPACE", "NAME", "HOSTS", "ADDRESS", "PATHS", "TLS", "WHY")
    return Table(columns=columns, rows=tuple(_ingress(i) for i in seen.ingresses))


def _ingress(ingress: IngressLine) -> tuple[str, ...]:
    hosts, addresses = ",".join(ingress.hosts), ",".join(ingress.addresses) or "-"
    paths = [path.removeprefix(hosts) for path in ingress.paths]
    return (
        ingress.namespace,
        ingress.name,
        hosts,
        addresses,
        _few(paths),
        ",".join(ingress.tls),
        ingress.message,
    )


def _few(paths: Sequence[str]) -> str:
    """So many as a line holds; `-o json` has them all."""
    more = f" + {len(paths) - PATHS_SHOWN} more" if len(paths) > PATHS_SHOWN else ""
    return ", ".join(path.strip() for path in paths[:PATHS_SHOWN]) + more


def _nodes(seen: Overview, now: float) -> Table:
    columns = ("NODE", "STATE", "PODS", "CPU", "MEMORY", "ARCH", "DOCKER", "OS", "NETWORK", "WHY")
    return Table(columns=columns, rows=tuple(_node(n, now) for n in seen.nodes))


def _node(node: NodeLine, now: float) -> tuple[str, ...]:
    state = f"{node.state}, unschedulable" if node.unschedulable else node.state
    why = f"for {age(node.lost_since, now)}: {node.message}" if node.lost_since else node.message
    network = ", ".join(filter(None, (node.data_plane, node.traffic if node.traffic == "behind" else "")))
    size = (
        human_cpu(node.cpu_milli) if node.cpu_milli else "-",
        human_bytes(node.memory) if node.memory else "-",
    )
    return (
        node.name,
        state,
        str(node.pods),
        *size,
        node.architecture,
        node.docker or "-",
        node.os_image or "-",
        network,
        "; ".join(filter(None, (why, *node.complaints))),
    )


def _events(seen: Overview, now: float) -> Table:
    rows = tuple(
        (
            age(e.last_at, now),
            e.event.type,
            e.event.reason,
            str(e.event.about),
            _counted(e.event.message, e.count),
        )
        for e in seen.events[:EVENTS_SHOWN]
    )
    return Table(columns=("AGE", "TYPE", "REASON", "ABOUT", "EVENT"), rows=rows)


def _counted(message: str, count: int) -> str:
    return f"{message} ({count} times)" if count > 1 else message


def _aligned(table: Table) -> str:
    lines: Sequence[Sequence[str]] = [table.columns, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )
