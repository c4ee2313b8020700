"""A pod on Docker: what it is made of, how it starts and ends.

Reading order: `pod` (what a pod becomes; pure, as are `body`, `env`, `volumes`, `files`, `resources`,
`security`, `namespaces`), `start`, `fill`, `image`, `hooks`, `stop`, `network`.
"""
