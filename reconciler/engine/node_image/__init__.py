"""The recipe of the node image: which Debian packages, which files of ours, and how they become one.

It runs on the control machine and needs no registry and no Docker: packages come through apt in a state
directory of its own (the machine's apt is left alone), and the result is what `docker load` takes.
The same packages give the same bytes, so the image's tag is the digest of what is in it.
"""
