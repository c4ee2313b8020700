"""Nodes: how they are reached, what they hold, and how a pod is done on Docker.

`node` is the interface; `real` implements it over `connection`, `observing`, `probes` and `pods`,
`simulation` in memory. `fitness` examines a node, `node_image` is what travels to it, `dataplane` says as
text what balances and names there. Nothing here decides what should run.
"""
