"""One connection to a node, by SSH or to this machine's own socket, and Docker's API inside it.

Reading order: `link` (what a connection offers), `ssh` and `local` (the two there are), `address`,
`hostkeys`, `login`, `connect` (how one comes about), `contact` (the one of each node), `http`, `pool`,
`client` (the API).
"""
