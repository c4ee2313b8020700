"""The node image, built from Debian's packages and loaded into a real Engine: its programs start."""

from __future__ import annotations

import pytest

from reconciler.engine.pods import nodeimage
from tests.engine.pods import OnNode

pytestmark = [pytest.mark.fleet]

PROGRAMS = {
    "haproxy -v": "HAProxy version 2.",
    "dnsmasq --version": "Dnsmasq version 2.",
    "/usr/bin/ip -V": "ip utility, iproute2",
    "bridge -V": "bridge utility",
    "iptables-nft -V": "(nf_tables)",
    "iptables-legacy -V": "(legacy)",
    "ip6tables-nft-restore -V": "(nf_tables)",
    "conntrack -V": "conntrack v",
    "socat -V": "socat version",
    "flock -V": "flock from util-linux",
    "iptables-nft -m statistic --help": "statistic match options",
    "id haproxy": "uid=65101(haproxy)",
    "id dnsmasq": "uid=65102(dnsmasq)",
    "ls -ld /net /var/empty": "/var/empty",
}


def test_every_program_of_the_image_starts_on_a_node(node: OnNode) -> None:
    script = "\n".join(f"echo '=={line}'; {line} 2>&1" for line in PROGRAMS)
    tag = nodeimage.ensure(node.engine)
    said = node.docker("run", "--rm", "--entrypoint", "/bin/busybox", tag, "sh", "-c", f"{script}\n:")
    parts = [part.partition("\n") for part in said.split("==")[1:]]
    answers = {line: answer for line, _, answer in parts}
    assert {line: answers[line] for line, words in PROGRAMS.items() if words not in answers[line]} == {}
