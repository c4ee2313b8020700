"""Fetch, load, observe, decide, record, apply; and again.

`cycle` is that loop. `wanted` turns a source into what is desired and keeps the last good revision,
`fleet` turns nodes into what is observed, `turn` is what one pass saw and did, and `narrate` puts a
pass into words for the journal, the pusher's terminal and the log. `reverts` takes failed versions back
in Git, beside the loop.
"""
