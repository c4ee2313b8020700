"""A node's traffic as text: what HAProxy, dnsmasq, iptables and the node container read, and what HAProxy is
told.

Pure: nothing here opens a socket or a file, and nothing decides who may be reached. `files` is the whole of
the node's folder /net; `change` is how a running HAProxy comes from one traffic to the next.

How a packet finds its pod: TCP to the service range is sent by the kernel to one listener of HAProxy (`nat`),
which finds the backend by the original destination in a map (`frontends`); a backend holds the endpoints
(`backends`). Everything else is a listener of its own (node ports, addresses, `ingress`) or never meets
HAProxy (UDP: `nat`).
"""

from reconciler.engine.rendering.changes import Change, change
from reconciler.engine.rendering.files import files

__all__ = ["Change", "change", "files"]
