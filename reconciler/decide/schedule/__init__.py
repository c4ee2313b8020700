"""Where a pod goes: filters that explain themselves, then spread, then the least loaded node.

labels     what a node is called: its own facts and the inventory's labels
requests   what a pod asks for
room       what a node has left
filters    reasons that hold for every pod of a version: taints, selectors, architectures
fit        reasons that depend on what is left: memory, ports, addresses
topology   affinity to other pods and spread over domains
place      the choice
explain    "0/5 nodes fit: 3 lack memory (want 512Mi, most free 300Mi), ..."
address    slices of the fleet's pod range for nodes, addresses for pods
"""
