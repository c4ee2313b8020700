"""Kubernetes' resource quantities: `500m`, `1.5`, `128Mi`, `2G`, `1e3`.

Source of the rule: k8s.io/apimachinery `resource.Quantity`. Read exactly, rounded up once at the end. What is
more than 2^63-1 is 2^63-1, as there: every number that comes of one fits into what Docker takes.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from reconciler.model.names import QUANTITY

MOST = 2**63 - 1
Quantity = (
    Annotated[str, Meta(pattern=QUANTITY, max_length=1024)]
    | Annotated[int, Meta(ge=0, le=MOST)]
    | Annotated[float, Meta(ge=0, le=float(MOST))]
)
"""As written in a manifest; never negative there."""

_FORM = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([eE][+-]?[0-9]{1,2})|([numkKMGTPE]i?)?)$")
_SUFFIX = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12, "P": Decimal(10) ** 15, "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10, "Mi": Decimal(2) ** 20, "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40, "Pi": Decimal(2) ** 50, "Ei": Decimal(2) ** 60,
}  # fmt: skip


@lru_cache(maxsize=4096)
def parse_quantity(text: Quantity) -> Decimal:
    """The exact value, 2^63-1 at most. Raises `ValueError` naming what was found."""
    found = _FORM.match(str(text).strip())
    if found is None or (found[3] or "") not in _SUFFIX:
        raise ValueError(f'not a quantity: "{str(text)[:60]}"')
    value = Decimal(found[1] + (found[2] or "")) * _SUFFIX[found[3] or ""]
    return max(Decimal(-MOST), min(value, Decimal(MOST)))


@lru_cache(maxsize=4096)
def millicores(cpu: Quantity) -> int:
    """CPU in thousandths of a core, rounded up."""
    return min(MOST, int((parse_quantity(cpu) * 1000).to_integral_value(ROUND_CEILING)))


@lru_cache(maxsize=4096)
def whole(amount: Quantity) -> int:
    """Bytes, or a count of devices, rounded up."""
    return int(parse_quantity(amount).to_integral_value(ROUND_CEILING))


def human_bytes(count: int) -> str:
    """The largest binary unit that keeps the number readable: 536870912 -> `512Mi`."""
    count = min(count, MOST)
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if count >= size:
            return f"{count / size:.4g}{unit}"
    return str(count)


def human_cpu(milli: int) -> str:
    """`1500` -> `1500m`, `2000` -> `2`."""
    return f"{milli}m" if milli % 1000 else str(milli // 1000)
