"""What HAProxy has counted of each server, as what each pod has done for each service.

The node container picks a few columns out of HAProxy's `show stat` and leaves out who has been asked nothing
(node_image/session.sh, `counters`). A pod has several servers for one service, one for each way of being
spoken to; its counts are their sum.

What the columns mean was found out with HAProxy 2.6.12. `req_tot` counts answers, whatever they say, and
`hrsp_5xx` those with such a status that came from the pod. `eresp` counts requests that the pod took and then
gave no answer or none that could be read; of an answer that broke off in the middle both. `econ` counts
requests whose last try to connect failed. Tries that another pod made good are no errors; of a request for
which no pod was left at all HAProxy blames none. Without HTTP `stot` counts the tries, `wredis` those that
were made elsewhere again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from reconciler.engine.rendering import onward
from reconciler.engine.rendering.backends import pod_of, service_of
from reconciler.model.base import Value
from reconciler.model.traffic import Counter

_LINE = re.compile(
    r"(?P<backend>[^_,]{1,253}_[^_,]{1,253}_[^,]{0,512}),(?P<server>[^,]{1,512}),(?P<mode>[^,]{0,16}),"
    r"(?P<numbers>[0-9]{0,18}(,[0-9]{0,18}){7})"
)


class Row(Value):
    """One server. `mean_ms`: how long its last 512 answers took to begin, on average (whole milliseconds)."""

    backend: str
    server: str
    answered: int
    requests: int
    errors: int
    mean_ms: int
    seconds: float = 0.0


def read(said: bytes) -> Iterator[Row]:
    """From lines of `backend server mode req_tot hrsp_5xx econ eresp stot wredis ctime rtime`.

    A line that is anything else is left out.
    """
    for line in said.decode(errors="replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None or found["backend"].startswith(onward.PREFIX):
            continue
        answered, failed, unconnected, broken, tried, elsewhere, connecting, answering = (
            int(number or 0) for number in found["numbers"].split(",")
        )
        http = found["mode"] == "http"
        yield Row(
            backend=found["backend"],
            server=found["server"],
            answered=answered,
            requests=answered + unconnected + broken if http else max(0, tried - elsewhere),
            errors=failed + unconnected + broken,
            mean_ms=connecting + answering if http else 0,
        )


class Tally:
    """Keeps sums of times, which HAProxy doesn't: it tells an average of the last answers only. Between two
    looks each answer is taken to have needed the average at the second; that is as good as the looks are
    often. Those before the first look all count with the average then.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}

    def take(self, said: bytes) -> tuple[Counter, ...]:
        known = self._rows
        self._rows = {(row.backend, row.server): _timed(row, known) for row in read(said)}
        return tuple(_summed(self._rows.values()))


def _timed(row: Row, known: Mapping[tuple[str, str], Row]) -> Row:
    before = known.get((row.backend, row.server))
    if before is None or before.answered > row.answered or before.requests > row.requests:
        return replace(row, seconds=row.answered * row.mean_ms / 1000)
    fresh = row.answered - before.answered
    return replace(row, seconds=before.seconds + fresh * row.mean_ms / 1000)


def _summed(rows: Iterable[Row]) -> Iterator[Counter]:
    found: dict[tuple[str, str, str], Counter] = {}
    for row in rows:
        namespace, service = service_of(row.backend)
        key = (namespace, service, pod_of(row.server))
        so_far = found.get(key) or Counter(service=f"{namespace}/{service}", namespace=namespace, pod=key[2])
        found[key] = replace(
            so_far,
            requests=so_far.requests + row.requests,
            errors=so_far.errors + row.errors,
            seconds=so_far.seconds + row.seconds,
        )
    yield from (found[key] for key in sorted(found))
