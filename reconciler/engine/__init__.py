"""Nodes: how they are reached, what they hold, and how a pod is done on Docker.

`node` is the interface; `real` implements it over `connection`, `observing`, `probes` and `pods`,
`simulation` in memory. `dataplane` is the container that carries a node's network, `rendering` what it is
told as text, `node_image` what travels to the node for it. `fitness` examines a node. Nothing here decides
what should run.
"""
