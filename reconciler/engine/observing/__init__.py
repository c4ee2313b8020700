"""What a node holds: listed, rebuilt from labels, kept current by events.

Reading order: `observe`, `container_state`, `phase`, `seen`, `watch`.
"""
