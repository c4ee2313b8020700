"""Certificates for Ingresses from an ACME server (RFC 8555), by HTTP-01.

`wanted` says which, `Certifier` has them: it adds what it holds to what is desired, and obtains and renews
in a thread of its own. It knows neither nodes nor proxies: the challenges travel in `Desired`, and the loop
tells it when they are in force. Reading order: `wanted`, `held`, `timing`, `folder`, `account`, `order`,
`reasons`, `obtain`, `ledger`, `worker`, `certifier`.
"""

from reconciler.certificates.certifier import Certifier
from reconciler.certificates.wanted import Wish, Wishes, wanted

__all__ = ["Certifier", "Wish", "Wishes", "wanted"]
