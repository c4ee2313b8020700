"""The forms that Kubernetes allows for names, labels and paths, as types.

Sources: apimachinery `util/validation` (DNS labels and subdomains, qualified names, label values),
core validation (environment names, port names, config keys). `manifests.words` says each in plain words.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

END = r"$(?!\n)"
"""The end of the text: Python's `$` alone also matches before a last newline."""

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_SHORT_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

DNS_LABEL = rf"^{_LABEL}{END}"
DNS_SUBDOMAIN = rf"^{_LABEL}(\.{_LABEL})*{END}"
QUALIFIED_NAME = rf"^({_LABEL}(\.{_LABEL})*/)?{_SHORT_NAME}{END}"
LABEL_VALUE = rf"^({_NAME})?{END}"
CONFIG_KEY = rf"^(?!\.{{1,2}}$)[-._a-zA-Z0-9]+{END}"
ENV_NAME = rf"^[^=\x00-\x1f\x7f]+{END}"
PORT_NAME = rf"^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?{END}"
ABSOLUTE_PATH = r"^/"
IMAGE = rf"^\S+{END}"
QUANTITY = rf"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{{1,2}}|[numkMGTPE]|[KMGTPE]i)?{END}"
CAPABILITY = rf"^[A-Za-z_]+{END}"
PERCENTAGE = rf"^(100|[0-9]{{1,2}})%{END}"
ANY_PERCENTAGE = rf"^[0-9]{{1,4}}%{END}"
HEADER_NAME = rf"^[-A-Za-z0-9!#$%&'*+.^_`|~]+{END}"

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"^{_OCTET}(\.{_OCTET}){{3}}{END}"
IPV4_NETWORK = rf"^{_OCTET}(\.{_OCTET}){{3}}/(3[0-2]|[12]?[0-9]){END}"

OBJECT_NAME = rf"^({_LABEL}(\.{_LABEL})*)?{END}"
DNS_NAME = rf"^(\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9])?{END}"
TEMPLATE_HASH = rf"^[A-Za-z0-9]*{END}"
KIND = rf"^[A-Za-z][A-Za-z0-9]*{END}"
REVISION_ID = rf"^[-A-Za-z0-9_.+:/@]*{END}"

DURATION = rf"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+{END}"
FLEET_NAME = rf"^[a-z0-9]([a-z0-9-]{{0,38}}[a-z0-9])?{END}"
NODE_NAME = rf"^[a-z0-9]([a-z0-9.-]{{0,61}}[a-z0-9])?{END}"
POLICY_VERSION = rf"^(latest|v1\.(0|[1-9][0-9]{{0,3}})){END}"
NODE_ADDRESS = r"^(ssh|unix|sim)://.+"

DNSLabel = Annotated[str, Meta(pattern=DNS_LABEL, max_length=63)]
DNSSubdomain = Annotated[str, Meta(pattern=DNS_SUBDOMAIN, max_length=253)]
QualifiedName = Annotated[str, Meta(pattern=QUALIFIED_NAME, max_length=317)]
LabelValue = Annotated[str, Meta(pattern=LABEL_VALUE, max_length=63)]
Labels = dict[QualifiedName, LabelValue]
Annotations = dict[QualifiedName, str]
ConfigKey = Annotated[str, Meta(pattern=CONFIG_KEY, max_length=253)]
EnvName = Annotated[str, Meta(pattern=ENV_NAME)]
PortName = Annotated[str, Meta(pattern=PORT_NAME, max_length=15)]
AbsolutePath = Annotated[str, Meta(pattern=ABSOLUTE_PATH)]
Image = Annotated[str, Meta(pattern=IMAGE)]
Capability = Annotated[str, Meta(pattern=CAPABILITY)]

IPv4 = Annotated[str, Meta(pattern=IPV4)]
NoIPv4 = Annotated[str, Meta(pattern=IPV4.replace("^", "^(", 1).removesuffix(END) + f")?{END}")]
"""An address, or nothing."""
IPv4Range = Annotated[str, Meta(pattern=IPV4_NETWORK)]
Port = Annotated[int, Meta(ge=1, le=65535)]
NoPort = Annotated[int, Meta(ge=0, le=65535)]
"""A port, or 0 for none."""
DNSName = Annotated[str, Meta(pattern=DNS_NAME, max_length=253)]

Id = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A user or group ID."""
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**31 - 1)]
