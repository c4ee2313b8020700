"""What pods may be made from: templates of revisions that we have read, and nothing else.

A label says what is there, never what is allowed: whoever is root on a node writes what he likes into the
labels there. So a pod is started and completed from the template that its labels name by owner and hash, and
where no manifest has such a template it isn't. The same holds for what a node is sent: only the ConfigMaps
and Secrets that such a pod names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from reconciler.decide.schedule.address import in_slice
from reconciler.decide.schedule.filters import misplaced
from reconciler.decide.survey import NodeView
from reconciler.decide.version import Version, job_version, stable_version, wanted_version
from reconciler.model.action import AnyAction, Publish, StartPod
from reconciler.model.delivery import RunState
from reconciler.model.desired import Contents, Desired
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord
from reconciler.model.reading import pull_secrets, reads

Runs = Mapping[Key, RunState]


def version_of(desired: Desired, runs: Runs, owner: Key, template_hash: str) -> Version | None:
    """The owner's version of this hash; None if no manifest that we know has it."""
    if owner in desired.workloads and desired.hashes[owner] == template_hash:
        return wanted_version(desired, owner)
    stable = desired.stable.get(owner)
    if stable is not None and stable.template_hash == template_hash:
        return stable_version(owner, stable)
    made = (v for v in _of_analysis(desired, runs, owner) if v.template_hash == template_hash)
    return next(made, None)


def _of_analysis(desired: Desired, runs: Runs, owner: Key) -> Iterator[Version]:
    if owner in runs:
        for metric in runs[owner].spec.metrics:
            if metric.provider.job is not None:
                yield job_version(desired, metric.provider.job)


def rightful(desired: Desired, runs: Runs, record: PodRecord, view: NodeView, cidr: str) -> PodRecord | str:
    """The pod as its manifest has it, under the name and at the address that it has; or why it can't be that.

    A pod that the scheduler couldn't have put on this node hasn't been put there by us. `cidr` is the node's
    slice of the pod network.
    """
    version = version_of(desired, runs, record.owner, record.template_hash)
    if version is None:
        return f"no manifest that is known has its version {record.template_hash or '(none)'}"
    if why := misplaced(view, version.spec):
        return f"it can't have been placed on {view.name}, which is {why}"
    if version.spec.host_network == bool(record.ip) or not in_slice(record, cidr):
        return f"its address {record.ip or '(none)'} isn't one of {view.name}'s pod network"
    made = version.record(record.owner, record.name, record.node, record.ip)
    return msgspec.structs.replace(made, revision=record.revision)


def contents_for(desired: Desired, runs: Runs, action: AnyAction) -> Contents:
    """What the action's node is sent, of ConfigMaps and Secrets. An older version's pods get those of its
    own time.
    """
    if isinstance(action, StartPod):
        return _of_pod(desired, runs, action.record)
    return _of_proxy(desired, action) if isinstance(action, Publish) else {}


def _of_pod(desired: Desired, runs: Runs, record: PodRecord) -> Contents:
    version = version_of(desired, runs, record.owner, record.template_hash)
    if version is None or version.spec != record.spec or record.owner.namespace != record.namespace:
        return {}
    stable = desired.stable.get(record.owner)
    older = stable is not None and stable.template_hash == record.template_hash
    source = stable.contents if stable is not None and older else desired.contents
    named = (*reads(record.spec, record.namespace), *pull_secrets(record.spec, record.namespace))
    return {key: source[key] for key in named if key in source}


def _of_proxy(desired: Desired, action: Publish) -> Contents:
    """Certificates that an Ingress names in its manifest, and the node serves."""
    named = {
        Key("Secret", ingress.metadata.namespace, entry.secret_name)
        for ingress in desired.ingresses.values()
        for entry in ingress.spec.tls
    }
    told = action.traffic.ingress.certificates if action.traffic.ingress else ()
    served = {Key("Secret", one.namespace, one.secret) for one in told}
    return {key: desired.contents[key] for key in sorted(named & served) if key in desired.contents}
