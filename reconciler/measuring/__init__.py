"""Makes measurements for analyses, beside the loop: asks Prometheus, web services and our own proxies.

analyst     takes what is to be measured, hands out what came of it
measured    one measurement, from its request to its outcome
secret      Secrets' values go in here, and never come out
fetch       one HTTP request, bounded in time and size, sent directly or through a node
bounded     a connection with an end in time
inside      what is a place in the fleet, and through which node it is reached
prometheus, web, haproxy    what is asked, and what the answer means

It judges nothing, and keeps nothing but the proxies' last counts, in memory.
"""

from reconciler.measuring.analyst import Analyst
from reconciler.measuring.inside import counts, through

__all__ = ["Analyst", "counts", "through"]
