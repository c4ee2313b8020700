"""The fleet in one small value: what `reconciler status` prints and `GET /status` answers.

Pure. What is going on and why comes first; details are for `kubectl`. `lines` are the values, `draw` puts
them together, `services` and `ingresses` are the network's part of it, `nodes` the machines', `why` the
sentence at the top.
"""

from reconciler.record.overview.draw import overview
from reconciler.record.overview.lines import (
    IngressLine,
    NodeLine,
    Overview,
    PodLine,
    ServiceLine,
    WorkloadLine,
)

__all__ = ["IngressLine", "NodeLine", "Overview", "PodLine", "ServiceLine", "WorkloadLine", "overview"]
