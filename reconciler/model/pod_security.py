"""Pod Security Standards as policies: which level holds in a namespace, by which version of the standards.

Sources: Kubernetes' Pod Security admission (labels of namespaces) and its PodSecurityConfiguration, whose
`defaults` and `exemptions` stand in nodes.yaml here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, field

from reconciler.model.base import Model
from reconciler.model.names import POLICY_VERSION, DNSLabel, DNSSubdomain

PREFIX = "pod-security.kubernetes.io/"
LATEST = "latest"

Mode = Literal["enforce", "warn", "audit"]
MODES: tuple[Mode, ...] = ("enforce", "warn", "audit")
Level = Literal["privileged", "baseline", "restricted"]
LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")
PolicyVersion = Annotated[str, Meta(pattern=POLICY_VERSION)]
_VERSION = re.compile(POLICY_VERSION)
_STRICTEST = 10_000


class PodSecurityDefaults(Model):
    """For what a namespace's labels leave open."""

    enforce: Level = "privileged"
    enforce_version: PolicyVersion = field(default=LATEST, name="enforce-version")
    warn: Level = "privileged"
    warn_version: PolicyVersion = field(default=LATEST, name="warn-version")
    audit: Level = "privileged"
    audit_version: PolicyVersion = field(default=LATEST, name="audit-version")


class PodSecurityExemptions(Model):
    """What is never checked. Kubernetes' `usernames` mean nothing here: pods come from Git."""

    runtime_classes: tuple[DNSSubdomain, ...] = ()
    namespaces: tuple[DNSLabel, ...] = ()


class PodSecuritySpec(Model):
    defaults: PodSecurityDefaults = PodSecurityDefaults()
    exemptions: PodSecurityExemptions = PodSecurityExemptions()


class Policy(NamedTuple):
    """`version`: `latest`, or one as `v1.24`: what is forbidden or allowed only since later isn't yet."""

    level: Level
    version: str

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    @property
    def minor(self) -> int:
        return _STRICTEST if self.version == LATEST else int(self.version.removeprefix("v1."))


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def policy(mode: Mode, labels: Mapping[str, str], defaults: PodSecurityDefaults) -> Policy:
    """What a namespace's labels ask for. As in Kubernetes, what can't be read is the strictest."""
    found = labels.get(f"{PREFIX}{mode}", getattr(defaults, mode))
    version = labels.get(f"{PREFIX}{mode}-version", getattr(defaults, f"{mode}_version"))
    level: Level = next((one for one in LEVELS if one == found), "restricted")
    return Policy(level, version if is_version(version) else LATEST)
