"""Text becomes typed objects, or every error with its file and line.

Reading order: `limits`, `scalars`, `documents` (YAML to plain values), `files` (what is read of a tree),
`decode` (plain values to objects), `builtin` and `fields` (what Kubernetes has and we don't, or only
accept), `schemas` and `explain` (what is wrong, worded), `rules/` (what a type can't say), `load` (a whole
tree), `digest` and `desired` (what a revision wants), `inventory` (nodes.yaml).

Must not know nodes, Docker or the plan. Reads files; the only program it starts is kustomize.
"""
