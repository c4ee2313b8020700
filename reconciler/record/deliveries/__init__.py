"""Deliveries in small values: what `reconciler rollout status` draws and `GET /rollouts` answers.

Pure. `lines` are the values, `draw` puts them together, `phase` says how one stands in Argo Rollouts' words,
`steps`, `stages`, `sets` and `runs` are its parts, `find` is how people name one.
"""

from reconciler.record.deliveries.draw import deliveries, delivery_status
from reconciler.record.deliveries.find import delivered, find
from reconciler.record.deliveries.lines import DeliveryStatus, MetricLine, Phase, RunLine, SetLine, StepLine

__all__ = [
    "DeliveryStatus",
    "MetricLine",
    "Phase",
    "RunLine",
    "SetLine",
    "StepLine",
    "delivered",
    "deliveries",
    "delivery_status",
    "find",
]
