"""Frozen values that every other room shares. No I/O, no clock, no policy.

Manifests:   base, meta, quantity, container, probe, volume, security, placement, pod, workload, config,
             service, ingress, ingress_annotations, kinds
The fleet:   fleet (nodes.yaml), labels (the Docker labels from which all state is rebuilt)
One pass:    revision, desired, traffic, observed, action, plan, progress, finding, event

Attribute names are Kubernetes' field names in snake_case (`imagePullPolicy` -> `image_pull_policy`);
defaults are Kubernetes' defaults, so that omitting a field and writing its default mean the same.
"""
