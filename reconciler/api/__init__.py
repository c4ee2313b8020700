"""What programs ask of a running reconciler: health, metrics, status, a webhook, a rollout's lines.

`server` is the HTTP server, in a thread of its own; `follow` carries a revision's lines to those who
wait for it; `metrics` is what Prometheus reads. Nothing here decides: a request may wake the loop, no more.
"""
