"""What a node's shell tells about its network, as values. Pure but for the commands' texts.

`LOOK` is one shell command for all of it: it only reads, needs no program but `ip`, and what it can't read
is missing from the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from reconciler.model.base import Value

MODULES = ("vxlan", "nf_nat", "iptable_nat", "nft_chain_nat", "xt_statistic", "xt_conntrack")
OUR_LINKS = frozenset({"lo", "reconciler0", "reconciler1"})
_LISTENS = "0A"
_SOMEWHERE = "198.51.100.1"
"""An address of nobody (RFC 5737): which link would lead there?"""

LOOK = f"""
echo '#addresses'; ip -o -4 addr show 2>/dev/null
echo '#links'; ip -o link show 2>/dev/null
echo '#routes'; ip -4 route show 2>/dev/null
echo '#way'; ip -4 route get {_SOMEWHERE} 2>/dev/null
echo '#udp'; cat /proc/net/udp /proc/net/udp6 2>/dev/null
echo '#tcp'; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
echo '#modules'; cat /proc/modules 2>/dev/null
echo '#loadable'
m=/lib/modules/$(uname -r)
cat $m/modules.builtin $m/modules.dep 2>/dev/null | grep -E '/({"|".join(MODULES)})[.]ko'
[ -r $m/modules.dep ] && echo complete
echo '#end'
"""


class Route(Value):
    to: IPv4Network
    link: str


class Look(Value):
    """`addresses` is every IPv4 address and its link, `mtus` bytes by link, `udp` and `tcp` who listens as
    (address, port) with 0.0.0.0 for all. `modules` are those of `MODULES` that the kernel has or can load;
    `knows_modules` False: it can't be told. `outward` is the address that it uses towards the outside.
    """

    addresses: tuple[tuple[str, str], ...] = ()
    mtus: dict[str, int] = {}
    routes: tuple[Route, ...] = ()
    outward: str = ""
    udp: frozenset[tuple[str, int]] = frozenset()
    tcp: frozenset[tuple[str, int]] = frozenset()
    modules: frozenset[str] = frozenset()
    knows_modules: bool = False

    def link_of(self, address: str) -> str:
        return next((link for found, link in self.addresses if found == address), "")

    def mtu_of(self, address: str) -> int:
        """0 where that isn't known."""
        return self.mtus.get(self.link_of(address), 0)


def look(answer: str) -> Look:
    parts = _sections(answer)
    loadable = parts.get("loadable", [])
    # Names in /proc/modules have `_` always; a file's name may have `-`.
    paths = (line.split(":")[0].rsplit("/", 1)[-1].split(".")[0].replace("-", "_") for line in loadable)
    loaded = (line.split()[0] for line in parts.get("modules", ()))
    return Look(
        addresses=tuple(_addresses(parts.get("addresses", ()))),
        mtus=link_mtus("\n".join(parts.get("links", ()))),
        routes=tuple(_routes(parts.get("routes", ()))),
        outward=_outward(parts.get("way", ())),
        udp=frozenset(_listeners(parts.get("udp", ()), "")),
        tcp=frozenset(_listeners(parts.get("tcp", ()), _LISTENS)),
        modules=frozenset(m for m in (*paths, *loaded) if m in MODULES),
        knows_modules="complete" in loadable,
    )


def link_mtus(text: str) -> dict[str, int]:
    """From `ip -o link show`: `2: eth0@if5: <...> mtu 1500 qdisc ...`."""
    found = re.findall(r"^\d+: ([^:@\s]+)(?:@\S+)?: .*? mtu (\d+) ", text, re.MULTILINE)
    return {name: int(mtu) for name, mtu in found}


def _sections(answer: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in answer.splitlines():
        if line.startswith("#"):
            name = line[1:].strip()
            found[name] = []
        elif name and line.strip():
            found[name].append(line)
    return found


def _addresses(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """`2: eth0    inet 192.168.1.5/24 brd ...`."""
    for line in lines:
        if found := re.match(r"\d+: (\S+)\s+inet ([\d.]+)", line):
            yield found[2], found[1].partition("@")[0]


def _routes(lines: Iterable[str]) -> Iterator[Route]:
    """`10.1.0.0/16 dev eth1 proto kernel ...`; a default route clashes with nothing."""
    for line in lines:
        to, *rest = line.split()
        if to in ("unreachable", "blackhole", "prohibit") and rest:
            to = rest[0]
        link = rest[rest.index("dev") + 1] if "dev" in rest[:-1] else ""
        try:
            yield Route(to=IPv4Network(to, strict=False), link=link)
        except ValueError:
            continue


def _outward(lines: Iterable[str]) -> str:
    found = re.search(r" src ([\d.]+)", " ".join(lines))
    return found[1] if found else ""


def _listeners(lines: Iterable[str], state: str) -> Iterator[tuple[str, int]]:
    """From /proc/net: `0: 0100007F:3A98 00000000:0000 0A ...`, each word in the machine's (little) endian."""
    for line in lines:
        words = line.split()
        if len(words) < 4 or ":" not in words[1] or (state and words[3] != state):
            continue
        address, _, port = words[1].rpartition(":")
        yield _address(address), int(port, 16)


def _address(word: str) -> str:
    """An IPv6 socket on all addresses has IPv4's, too; one on another IPv6 address is in nobody's way."""
    if len(word) > 8:
        return "0.0.0.0" if set(word) == {"0"} else word.lower()
    try:
        return str(IPv4Address(bytes.fromhex(word)[::-1]))
    except (ValueError, AddressValueError):
        return word
