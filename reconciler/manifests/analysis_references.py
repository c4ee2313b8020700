"""Where analyses read Secrets, ConfigMaps and Services: arguments, the pods of jobs, our own proxies."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.arguments import has_argument
from reconciler.manifests.references import Reference
from reconciler.manifests.references import references as of_pod
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate


def references(item: AnalysisTemplate | ClusterAnalysisTemplate | AnalysisRun) -> Iterator[Reference]:
    """In the order of the manifest; what an argument names isn't known yet."""
    for index, argument in enumerate(item.spec.args):
        if argument.value_from and (secret := argument.value_from.secret_key_ref):
            path = ("spec", "args", index, "valueFrom", "secretKeyRef")
            yield Reference("Secret", secret.name, path, secret.key, secret.optional)
    for index, metric in enumerate(item.spec.metrics):
        at = ("spec", "metrics", index, "provider")
        if job := metric.provider.job:
            for one in of_pod(job.spec.template.spec, (*at, "job", "spec", "template", "spec")):
                if not has_argument(one.name) and not has_argument(one.key):
                    yield one
        proxies = metric.provider.haproxy
        if proxies and proxies.service and not has_argument(proxies.service):
            yield Reference("Service", proxies.service, (*at, "haproxy", "service"))
