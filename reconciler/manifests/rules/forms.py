"""Rules about free text that ends up in a file, a command, a header or a field of Docker's: what it may hold.

A text with one of its own separators in it would say something else there than in the manifest. Sources:
Kubernetes' core validation (IsValidIP, IsDNS1123Subdomain, ValidatePodDNSConfig, IsValidSysctlName, the
relaxed names of environment variables, ContainerStopSignals); Go's net/http for values of headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown
from reconciler.model.names import DNS_LABEL, DNS_SUBDOMAIN, LABEL_VALUE, QUALIFIED_NAME

SEARCHES, SEARCH_CHARACTERS, NAME_SERVERS = 32, 2048, 3
"""Kubernetes: the most of each in dnsConfig."""

_NAME = re.compile(DNS_SUBDOMAIN)
_LABEL, _QUALIFIED, _VALUE = re.compile(DNS_LABEL), re.compile(QUALIFIED_NAME), re.compile(LABEL_VALUE)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?\.?")
_SEARCH = re.compile(r"\.|[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*\.?")
_OPTION = re.compile(r"[A-Za-z0-9_.-]+")
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
_VARIABLE = re.compile(r"[ -<>-~]+")
_PROFILE = re.compile(r"[!-+\--~]+")
_SELINUX = re.compile(r"[A-Za-z0-9_.:,-]*")
_SIGNALS = re.compile(
    "SIG(ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS"
    "|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ"
    "|RTMIN([+]([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?)"
)


def is_address(text: str) -> bool:
    """Of either family; a zone (`fe80::1%eth0`) would be a name of the node's."""
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


def address(text: str, path: Path) -> Iterator[Said]:
    if not is_address(text):
        message = f"expected an IP address, found {shown(text)}"
        yield Said(path, message, "write it as 10.0.0.1", rule="address")


def dns_name(text: str, path: Path) -> Iterator[Said]:
    good = len(text) <= 253 and bool(_NAME.fullmatch(text))
    remedy = "use lowercase letters, digits, '-' and '.', starting and ending with a letter or digit"
    yield from _unless(good, text, path, "a DNS name", remedy, "name")


def dns_label(text: str, path: Path) -> Iterator[Said]:
    good = len(text) <= 63 and bool(_LABEL.fullmatch(text))
    yield from _unless(good, text, path, "a DNS label", "use lowercase letters, digits and '-'", "name")


def qualified(text: str, path: Path) -> Iterator[Said]:
    good = len(text) <= 317 and bool(_QUALIFIED.fullmatch(text))
    yield from _unless(good, text, path, "a name such as app or example.com/app", rule="name")


def label_value(text: str, path: Path) -> Iterator[Said]:
    good = len(text) <= 63 and bool(_VALUE.fullmatch(text))
    yield from _unless(good, text, path, "a label value", "use letters, digits, '-', '_' and '.'", "name")


def argument(text: str, path: Path) -> Iterator[Said]:
    """Of a program: whatever the kernel can carry. It may be a password: not shown."""
    if "\0" in text:
        yield Said(path, "holds a NUL byte, where Linux ends a text", "remove it", rule="form")


def host(text: str, path: Path) -> Iterator[Said]:
    """An address, or a name that is looked up; names of machines are often no good DNS names."""
    good = is_address(text) or (len(text) <= 253 and bool(_HOST.fullmatch(text)))
    yield from _unless(good, text, path, "a host name or an IP address", "without a port", "host")


def search(text: str, path: Path) -> Iterator[Said]:
    """Kubernetes since 1.34 takes underscores and a lone dot."""
    good = len(text) <= 254 and bool(_SEARCH.fullmatch(text))
    yield from _unless(good, text, path, "a domain", "write it as example.com")


def resolver_option(name: str, value: str | None, path: Path) -> Iterator[Said]:
    """A line of resolv.conf holds several, between blanks."""
    yield from _unless(bool(_OPTION.fullmatch(name)), name, (*path, "name"), "an option", "such as ndots")
    if value is not None:
        good = bool(_OPTION.fullmatch(value))
        yield from _unless(good, value, (*path, "value"), "an option's value", 'such as "2"')


def header_value(text: str, path: Path) -> Iterator[Said]:
    """May be a password: not shown."""
    if _controls(text.replace("\t", "")):
        message = "holds characters that no header can have"
        yield Said(path, message, "remove control characters and line breaks", rule="header")


def path_text(text: str, path: Path) -> Iterator[Said]:
    """Of a path, whatever is meant by it."""
    good = not _controls(text)
    yield from _unless(good, text, path, "a path without control characters", "remove them", "path")


def variable(name: str, path: Path) -> Iterator[Said]:
    """Kubernetes: printable ASCII without `=`; older versions want the name that a shell takes."""
    remedy = "use printable ASCII without '='"
    yield from _unless(
        bool(_VARIABLE.fullmatch(name)), name, path, "the name of an environment variable", remedy
    )


def sysctl(name: str, value: str, path: Path) -> Iterator[Said]:
    good = len(name) <= 253 and bool(_SYSCTL.fullmatch(name))
    yield from _unless(good, name, (*path, "name"), "a sysctl", "write it as net.core.somaxconn")
    yield from _unless(not _controls(value.replace("\t", "")), value, (*path, "value"), "one line of text")


def signal(name: str, path: Path) -> Iterator[Said]:
    yield from _unless(
        bool(_SIGNALS.fullmatch(name)), name, path, "the name of a signal", "write it as SIGUSR1"
    )


def profile(name: str, path: Path) -> Iterator[Said]:
    """Of AppArmor: one word, and not the one by which engines mean none at all."""
    good = bool(_PROFILE.fullmatch(name)) and name != "unconfined"
    remedy = "without blanks; for no profile at all write type: Unconfined"
    yield from _unless(good, name, path, "a profile's name", remedy)


def selinux(text: str, path: Path) -> Iterator[Said]:
    """Part of a context, which becomes a mount option in quotes."""
    remedy = "use letters, digits, '_', '.', ':', ',' and '-'"
    yield from _unless(bool(_SELINUX.fullmatch(text)), text, path, "part of an SELinux context", remedy)


def _controls(text: str) -> bool:
    return any(ord(char) < 32 or ord(char) == 127 for char in text)


def _unless(
    good: bool, text: str, path: Path, expected: str, remedy: str = "", rule: str = "form"
) -> Iterator[Said]:
    if not good:
        yield Said(path, f"expected {expected}, found {shown(text)}", remedy, rule=rule)
