"""From one version of a workload to the next.

budget    how many pods there may be and must be: maxSurge, maxUnavailable, Kubernetes' rounding
rolling   counts -> how many to start and stop now
victims   which ones go first
scaling   a changed number of replicas in the middle of a rollout, shared by its versions
state     what is remembered: the deadline, the version that last converged, the history
fallback  which version serves when the newest has failed
"""
