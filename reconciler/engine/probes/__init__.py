"""The reconciler's probes: when each is tried, how, and what the answers mean.

Reading order: `threshold` (pure), `probing` (pure), `probe`, `prober`.
"""
