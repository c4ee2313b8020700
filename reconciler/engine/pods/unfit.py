"""The one exception of the pure half: a pod asks for something that can't be given."""

from __future__ import annotations


class Unfit(ValueError):
    """Says which field or object, and what to do; never a value from a Secret.

    `pod.translate` turns it into `errors.ContainerConfigInvalid` with the pod and the container.
    """
