"""What a revision wants."""

from __future__ import annotations

from reconciler.model.analysis import AnalysisRun
from reconciler.model.base import Value
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.fleet import Fleet
from reconciler.model.ingress import Ingress
from reconciler.model.kinds import Addresses, AnyTemplate, Workload
from reconciler.model.meta import Key
from reconciler.model.revision import Revision
from reconciler.model.rollout import RolloutStrategy
from reconciler.model.service import Service
from reconciler.model.traffic import Challenge

Contents = dict[Key, ConfigMap | Secret]
"""The ConfigMaps and Secrets that pods read, by key."""


class Desired(Value):
    """Built by `manifests`, read by `decide`. Every dict is in sorted order of its keys.

    `hashes` is each workload's template hash: its pod template together with the contents of the
    ConfigMaps and Secrets that it reads (10 hex digits). `former` is what an earlier form of it gave, where
    that is another. A version that is known by another hash already keeps it; `meanings` has its own then.
    `stable` holds, for workloads whose newest version failed, the version that last converged: it is kept
    serving (law 8), from the contents of its own time. `complete` is False when the source couldn't be read
    in full: then nothing is pruned.
    """

    fleet: Fleet
    revision: Revision
    workloads: dict[Key, Workload] = {}
    hashes: dict[Key, str] = {}
    former: dict[Key, str] = {}
    meanings: dict[Key, str] = {}
    contents: Contents = {}
    namespaces: tuple[str, ...] = ("default",)
    stable: dict[Key, StableVersion] = {}
    complete: bool = True
    services: dict[Key, Service] = {}
    addresses: dict[Key, Addresses] = {}
    ingresses: dict[Key, Ingress] = {}
    strategies: dict[Key, RolloutStrategy] = {}
    """How Deployments are delivered that ask for more than their own strategy, by an annotation."""
    templates: dict[Key, AnyTemplate] = {}
    runs: dict[Key, AnalysisRun] = {}
    challenges: tuple[Challenge, ...] = ()
    """What an ACME server that is being asked for a certificate wants to read from us."""


class StableVersion(Value):
    """The version of a workload that last converged, with everything it needs to be started again."""

    workload: Workload
    template_hash: str
    revision: Revision
    contents: Contents
    meaning: str = ""
    """As `PodRecord.meaning`."""
