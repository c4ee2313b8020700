"""Ingresses as manifests, and a client that asks at a node for any host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

DOORS = ("pi-1", "pi-2")
"""The nodes that serve Ingresses in these tests; pi-3 doesn't."""

Hosts = Mapping[str, Mapping[str, str]]


def ingress(
    name: str, hosts: Hosts, *, tls: Mapping[str, Sequence[str]] | None = None, **annotations: str
) -> str:
    """`hosts`: host -> `/path` or `Exact /path` -> `service` or `service:port`. The host "" is any.

    `tls`: Secret -> its hosts. The path "" of the host "" is the default backend.
    """
    spec: dict[str, object] = {"rules": [_rule(host, paths) for host, paths in hosts.items() if paths]}
    default = hosts.get("", {}).get("")
    if default:
        spec = {"defaultBackend": _backend(default)}
    if tls:
        spec["tls"] = [{"secretName": secret, "hosts": list(found)} for secret, found in tls.items()]
    found = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
    }
    return f"\n---\n{json.dumps(found)}\n"


def nginx(**settings: str) -> dict[str, str]:
    """`ssl_redirect="false"` as nginx' annotation."""
    return {f"nginx.ingress.kubernetes.io/{n.replace('_', '-')}": v for n, v in settings.items()}


def _rule(host: str, paths: Mapping[str, str]) -> dict[str, object]:
    return {"host": host, "http": {"paths": [_path(path, to) for path, to in paths.items()]}}


def _path(path: str, to: str) -> dict[str, object]:
    kind, _, own = path.rpartition(" ")
    return {"path": own, "pathType": kind or "Prefix", "backend": _backend(to)}


def _backend(to: str) -> dict[str, object]:
    name, _, port = to.partition(":")
    return {"service": {"name": name, "port": {"number": int(port or 80)}}}


class Answer(NamedTuple):
    """`version` is HTTP's, as curl writes it: 1.1, 2. `status` 0: there was no answer."""

    status: int
    headers: Mapping[str, str]
    body: str
    version: str


def ask(address: str, url: str, *more: str) -> Answer:
    """What the node at `address` answers when `url`'s host leads there. No certificate is looked at."""
    command = ["curl", "--silent", "--insecure", "--include", "--max-time", "5", "--http1.1"]
    command += ["--noproxy", "*", "--connect-to", f"::{address}:", "--write-out", "\n%{http_version}"]
    done = subprocess.run([*command, *more, url], capture_output=True, text=True, timeout=20, check=False)
    text, _, version = done.stdout.replace("\r\n", "\n").rpartition("\n")
    if done.returncode:
        return Answer(0, {}, f"curl: exit {done.returncode}", version)
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body, version)
