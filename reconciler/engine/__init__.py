"""Nodes: how they are reached, what they hold, and how a pod is done on Docker.

`node` is the interface; `connect` and below are real nodes, `simulated` is a fleet in memory.
Nothing here decides what should run.
"""
