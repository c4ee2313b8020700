"""A node's data plane: its container is made, replaced and asked, and told what to do.

`container` is the container as Docker is to make it, `install` makes it and puts a new one in the place of
an old one, `session` is the conversation with it, `plane` is all of that as the reconciler has it, `standing`
what those who decide see of it. What is told is rendered elsewhere (`rendering`); the other side of the
conversation is node_image/session.sh.
"""
