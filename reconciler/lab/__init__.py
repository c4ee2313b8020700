"""A disposable fleet of real nodes on one Linux machine: for trying things, and for tests.

Each node is one process tree in namespaces of its own (network, mounts, host name, processes) with its
own sshd and its own Docker Engine; a registry stands beside them. Everything of a node hangs on its
first process: kill that, and the kernel takes the rest, as a power cut would. What the kernel doesn't
take (a bridge, firewall rules, cgroups, files) carries a mark that is derived from the lab's directory,
so `down` finds it whatever line `up` died at.

The reading order: `lab` (what others call), `state`, `up`, `node`, `down`; then `network`, `sshd`,
`engine`, `registry`, `accounts`, `cgroups`, `process`, `inventory`; then `layer`, `image`, `upload`,
`interpreter`, `sample_app`, `samples` for images, `guard` for tests. It must not import anything of the
reconciler but `model` and `errors`.
"""

from reconciler.lab.lab import Lab
from reconciler.lab.state import LabNode

__all__ = ["Lab", "LabNode"]
