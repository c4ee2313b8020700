"""Kinds that exist elsewhere: Kubernetes' own, and those that fleet repositories often hold.

A known kind that isn't supported yet gets another answer than a misspelt one. Source: the API
reference of Kubernetes 1.34 and the CRDs most often seen beside it.
"""

from __future__ import annotations

from difflib import get_close_matches

from reconciler.model.kinds import KINDS

GROUPS: dict[str, str] = {
    "v1": "Binding ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume "
    "PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service "
    "ServiceAccount",
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "batch/v1": "CronJob Job",
    "autoscaling/v1": "HorizontalPodAutoscaler Scale",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "networking.k8s.io/v1": "Ingress IngressClass IPAddress NetworkPolicy ServiceCIDR",
    "policy/v1": "Eviction PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "storage.k8s.io/v1": "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment "
    "VolumeAttributesClass",
    "scheduling.k8s.io/v1": "PriorityClass",
    "node.k8s.io/v1": "RuntimeClass",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "certificates.k8s.io/v1alpha1": "ClusterTrustBundle",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apiregistration.k8s.io/v1": "APIService",
    "authentication.k8s.io/v1": "SelfSubjectReview TokenRequest TokenReview",
    "authorization.k8s.io/v1": "LocalSubjectAccessReview SelfSubjectAccessReview "
    "SelfSubjectRulesReview SubjectAccessReview",
    "flowcontrol.apiserver.k8s.io/v1": "FlowSchema PriorityLevelConfiguration",
    "resource.k8s.io/v1": "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice",
    "argoproj.io/v1alpha1": "AnalysisRun AnalysisTemplate AppProject Application ApplicationSet "
    "ClusterAnalysisTemplate Experiment Rollout Workflow",
    "gateway.networking.k8s.io/v1": "GRPCRoute Gateway GatewayClass HTTPRoute",
    "cert-manager.io/v1": "Certificate ClusterIssuer Issuer",
    "bitnami.com/v1alpha1": "SealedSecret",
    "external-secrets.io/v1": "ClusterSecretStore ExternalSecret SecretStore",
    "helm.toolkit.fluxcd.io/v2": "HelmRelease",
    "kustomize.toolkit.fluxcd.io/v1": "Kustomization",
    "source.toolkit.fluxcd.io/v1": "Bucket GitRepository HelmChart HelmRepository OCIRepository",
    "monitoring.coreos.com/v1": "PodMonitor Probe PrometheusRule ServiceMonitor",
    "traefik.io/v1alpha1": "IngressRoute IngressRouteTCP IngressRouteUDP Middleware TLSOption",
    "networking.istio.io/v1": "DestinationRule Sidecar VirtualService",
    "split.smi-spec.io/v1alpha1": "TrafficSplit",
    "metallb.io/v1beta1": "BGPAdvertisement IPAddressPool L2Advertisement",
    "longhorn.io/v1beta2": "BackupTarget RecurringJob",
    "cilium.io/v2": "CiliumClusterwideNetworkPolicy CiliumNetworkPolicy",
    "postgresql.cnpg.io/v1": "Cluster Pooler ScheduledBackup",
}
"""apiVersion -> its kinds."""

BUILTIN = {name: group for group, names in reversed(GROUPS.items()) for name in names.split()}
"""kind -> the apiVersion in which it is known first."""

INSTEAD: dict[str, str] = {
    "ServiceAccount": "there is no API for pods to call: leave it out",
    "Role": "there is no API for pods to call: leave it out",
    "RoleBinding": "there is no API for pods to call: leave it out",
    "ClusterRole": "there is no API for pods to call: leave it out",
    "ClusterRoleBinding": "there is no API for pods to call: leave it out",
    "CustomResourceDefinition": "operators don't run here: deploy the program itself",
    "SealedSecret": "write a Secret, and keep the repository private",
    "ExternalSecret": "write a Secret, and keep the repository private",
    "HelmRelease": "render the chart with `helm template` and commit what it prints",
    "Application": "nodes.yaml names the source; it isn't a manifest",
    "NetworkPolicy": "remove it, or keep the pods apart otherwise: on fleets or machines of their own",
    "HTTPRoute": "write an Ingress",
    "IngressRoute": "write an Ingress",
    "Certificate": "annotate the Ingress with kubernetes.io/tls-acme, or write a TLS Secret",
    "ClusterIssuer": "nodes.yaml names the ACME server, in spec.network.ingress.acme",
    "Issuer": "nodes.yaml names the ACME server, in spec.network.ingress.acme",
    "IPAddressPool": "write spec.loadBalancerIP; the node that has the address serves it",
    "Experiment": "write a Rollout with an analysis step, or an AnalysisRun",
    "VirtualService": "write an Ingress, or a Service: a Rollout's `trafficRouting: {}` splits what it gets",
    "DestinationRule": "leave it out: canaryService and stableService lead to the versions",
    "TrafficSplit": "leave it out: a Rollout's `trafficRouting: {}` splits the traffic",
    "L2Advertisement": "write spec.loadBalancerIP; the node that has the address serves it",
}
"""What to do instead, where more can be said than "not yet"."""

PROMISES = frozenset({"NetworkPolicy", "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"})
"""Kinds that promise security: to accept one without keeping it would be worse than to refuse it."""

MOVED: dict[str, str] = {
    "Ingress": "write `apiVersion: networking.k8s.io/v1`; there, backends are service.name and "
    "service.port.number, and each path has a pathType",
}
"""What else changed in the version that is supported, where its fields did."""

_SUPPORTED = {kind: api_version for api_version, kind in KINDS}


def unsupported(api_version: str, kind: str) -> tuple[str, str]:
    """(what is wrong, the remedy) with an apiVersion and kind that aren't in KINDS."""
    if kind in _SUPPORTED and _is_group_of(api_version, _SUPPORTED[kind]):
        right = _SUPPORTED[kind]
        remedy = MOVED.get(kind, f"write `apiVersion: {right}`")
        return f"{kind} belongs to {right}, found {api_version}", remedy
    if kind in PROMISES:
        message = f"{kind} is a security promise that this version can't keep, so it is refused"
        return message, INSTEAD["NetworkPolicy"]
    group = api_version.split("/", maxsplit=1)[0]
    same_group = kind in BUILTIN and BUILTIN[kind].split("/")[0] == group
    if same_group or (kind in BUILTIN and kind not in _SUPPORTED):
        remedy = INSTEAD.get(kind, f"supported are {supported_kinds()}; keep this file out of the source")
        return f"{kind} is a known kind, not supported yet", remedy
    close = get_close_matches(kind, [*_SUPPORTED, *BUILTIN], 1, 0.7)
    if close and close[0] != kind:
        return f'no kind is called "{kind}"', f"did you mean {close[0]}?"
    return f"unknown kind {kind} of {api_version}", f"supported are {supported_kinds()}"


def _is_group_of(api_version: str, right: str) -> bool:
    """An old or wrong version of a supported kind (extensions/v1beta1), not another group's namesake."""
    group = api_version.split("/", maxsplit=1)[0]
    return group in {right.split("/", maxsplit=1)[0], "apps", "extensions", "v1"}


def supported_kinds() -> str:
    return ", ".join(sorted(_SUPPORTED))
