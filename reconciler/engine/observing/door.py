"""What a node's labels say of a pod, parsed where it comes in.

We write these labels, and so can whoever is root on the node. What names a pod has the form that Kubernetes
gives it, its record says the same as the labels by which it was found, and its address is one of its node's
slice. Where that isn't so it is said on the node: an object that names no pod is left out, and a pod whose
record contradicts itself is in doubt: `decide` sees that it is there, and replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from reconciler.decide.schedule.address import in_slice
from reconciler.decide.survey import is_slice
from reconciler.model import labels
from reconciler.model.base import typed
from reconciler.model.fleet import NetworkSpec
from reconciler.model.meta import Key
from reconciler.model.names import (
    DNS_LABEL,
    DNS_SUBDOMAIN,
    KIND,
    LABEL_VALUE,
    REVISION_ID,
    TEMPLATE_HASH,
    Labels,
    NoIPv4,
)
from reconciler.model.observed import PodRecord

MOST_SAID = 5
LONGEST_RECORD = 1_500_000
"""Characters. Kubernetes keeps no object of more than 1.5 MB."""

_FORMS = {
    labels.NAMESPACE: (re.compile(DNS_LABEL), 63),
    labels.POD: (re.compile(DNS_SUBDOMAIN), 253),
    labels.TEMPLATE_HASH: (re.compile(TEMPLATE_HASH), 63),
    labels.REVISION: (re.compile(REVISION_ID), 256),
    labels.CONTAINER: (re.compile(DNS_LABEL), 63),
    labels.ROLE: (re.compile(LABEL_VALUE), 63),
}
_OWNER = re.compile(KIND), re.compile(DNS_SUBDOMAIN)


def misnamed(tags: Mapping[str, str]) -> str:
    """Why these labels name no pod of ours, in words for people; "" where they do."""
    for label, (form, longest) in _FORMS.items():
        value = tags.get(label)
        if value is not None and not (len(value) <= longest and form.match(value)):
            return f"its label {label} is {shown(value)}"
    if labels.NAMESPACE not in tags:
        return f"it has no label {labels.NAMESPACE}"
    kind, _, name = tags.get(labels.OWNER, "").partition("/")
    if not (_OWNER[0].match(kind) and len(kind) <= 63 and _OWNER[1].match(name) and len(name) <= 253):
        return f"its label {labels.OWNER} is {shown(tags.get(labels.OWNER, ''))}"
    return ""


def doubt(record: PodRecord, tags: Mapping[str, str], cidr: str) -> str:
    """Why a pod can't be what its record says; "" where it can. `cidr` is the node's slice, "" if unknown."""
    for label, said in (
        (labels.NAMESPACE, record.namespace),
        (labels.POD, record.name),
        (labels.OWNER, f"{record.owner.kind}/{record.owner.name}"),
        (labels.TEMPLATE_HASH, record.template_hash),
    ):
        if (found := tags.get(label, "")) != said:
            return f"its labels contradict each other: {label} is {shown(found)} and {shown(said)}"
    if record.owner.namespace != record.namespace:
        return f"its labels contradict each other: its owner is in {shown(record.owner.namespace)}"
    if record.ip and cidr and not in_slice(record, cidr):
        return f"its labels give it the address {record.ip}, which isn't one for pods of this node ({cidr})"
    return ""


def read(text: str, node: str) -> PodRecord | None:
    """A record out of its label, None when it isn't one. Its node is the one that it is on."""
    if not text or len(text) > LONGEST_RECORD:
        return None
    try:
        record = msgspec.json.decode(text, type=typed(PodRecord))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return record if record.node == node else msgspec.structs.replace(record, node=node)


def what_can_be_read(text: str) -> tuple[str, dict[str, str]]:
    """Address and labels out of a record that as a whole can't be: another version's, or a damaged one."""
    try:
        found = msgspec.json.decode(text) if len(text) <= LONGEST_RECORD else None
    except (msgspec.DecodeError, ValueError, RecursionError):
        found = None
    found = found if isinstance(found, dict) else {}
    return _converted(found.get("ip", ""), NoIPv4, ""), _converted(found.get("labels", {}), Labels, {})


def _converted(value: Any, kind: Any, otherwise: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return otherwise


def owner_of(tags: Mapping[str, str]) -> Key:
    """Of labels that aren't `misnamed`."""
    kind, _, name = tags[labels.OWNER].partition("/")
    return Key(kind, tags[labels.NAMESPACE], name)


def slice_of(told: str, network: NetworkSpec) -> tuple[str, str]:
    """The node's slice of the pod network as its label has it, and why it can't be one: then it is ""."""
    if not told or is_slice(told, network):
        return told, ""
    wanted = f"a /{network.slice_bits} of {network.pod_cidr} (spec.network in nodes.yaml)"
    return "", f"its pod network says that its slice is {shown(told)}, which isn't {wanted}"


def said(complaints: Iterable[str]) -> tuple[str, ...]:
    """The first few, and how many more: who is root on a node can write as many as he likes."""
    every = sorted(set(complaints))
    more = (f"and {len(every) - MOST_SAID} more like these",) if len(every) > MOST_SAID else ()
    return (*every[:MOST_SAID], *more)


def shown(value: str) -> str:
    """As it is written in a program: nothing in it steers a terminal."""
    text = ascii(value)
    return text if len(text) <= 70 else f"{text[:67]}..."
