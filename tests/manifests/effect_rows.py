"""For each honoured field: a manifest, another value of this field alone, and who notices.

Each block is (scene of `effects_of`, manifest, {path: other value}). `REMOVED` takes the field away.
"""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

import json
from typing import Any

REMOVED = object()
HOST = "kubernetes.io/hostname"


def pod(spec: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    app = {"name": "app", "image": "web:v1", **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "namespace": "default",
            "labels": {"app": "site"},
            "annotations": {"a": "b"},
        },
        "spec": {"containers": [app], **(spec or {})},
    }


def data(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, **fields}


CONTENTS = (
    data("ConfigMap", "conf", data={"a": "1", "b": "2"}),
    data("ConfigMap", "conf2", data={"a": "9"}),
    data("Secret", "key", stringData={"a": "s", "b": "t"}),
    data("Secret", "key2", stringData={"a": "u"}),
    data(
        "Secret",
        "pull",
        stringData={
            ".dockerconfigjson": json.dumps({"auths": {"docker.io": {"username": "me", "password": "x"}}})
        },
    ),
)

C = "spec/containers/0"


def env(**source: Any) -> dict[str, Any]:
    return pod(env=[{"name": "E", "valueFrom": source}], resources={"limits": {"cpu": 2, "memory": "1Gi"}})


def volume(**source: Any) -> dict[str, Any]:
    return pod({"volumes": [{"name": "v", **source}]}, volumeMounts=[{"name": "v", "mountPath": "/v"}])


def projected(**source: Any) -> dict[str, Any]:
    return volume(projected={"sources": [source]})


def secured(own: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    return pod({"securityContext": whole}, securityContext=own)


V = "spec/volumes/0"
S = f"{V}/projected/sources/0"
E = f"{C}/env/0/valueFrom"
ITEMS = {"items": [{"key": "a", "path": "x", "mode": 0o600}]}
FILE = {"path": "f", "fieldRef": {"fieldPath": "metadata.name"}, "mode": 0o600}
BIG = {"resources": {"limits": {"cpu": 2, "memory": "1Gi"}}}
SELINUX = {"user": "u", "role": "r", "type": "t", "level": "l"}
OBJECT = {"items/0/key": "b", "items/0/path": "y", "items/0/mode": 0o644, "items": REMOVED}


def under(path: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {f"{path}/{field}": value for field, value in changes.items()}


INIT = pod({"initContainers": [{"name": "i", "image": "i:1", "restartPolicy": "Always"}]})
MAPPED = pod(
    {"initContainers": [{"name": "side", "image": "i:1"}]}, ports=[{"containerPort": 80, "hostPort": 81}]
)
REF = {"name": "gone", "optional": True}

DOCKER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (pod(command=["c"], args=["a"], workingDir="/w", stdin=True, stdinOnce=True, tty=True),
     under(C, {"name": "b", "image": "web:v2", "command": ["d"], "args": ["e"], "workingDir": "/x", "stdin": False, "stdinOnce": False, "tty": False, "imagePullPolicy": "Never"})),
    (INIT, {"spec/initContainers/0/restartPolicy": REMOVED, "spec/initContainers": REMOVED, "spec/shareProcessNamespace": True}),
    (pod(), {"spec/hostNetwork": True, "spec/hostPID": True, "spec/hostIPC": True, "spec/restartPolicy": "Never", "spec/hostname": "h",
             "spec/subdomain": "s", "spec/runtimeClassName": "runsc", "spec/terminationGracePeriodSeconds": 5, "metadata/name": "other", "metadata/namespace": "prod"}),
    (pod({"subdomain": "s"}), {"spec/setHostnameAsFQDN": True}),
    (pod({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["h"]}]}), {"spec/hostAliases/0/ip": "1.2.3.5", "spec/hostAliases/0/hostnames": ["i"]}),
    (pod({"dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["a"], "options": [{"name": "n", "value": "1"}]}}),
     under("spec/dnsConfig", {"nameservers": ["8.8.8.8"], "searches": ["b"], "options/0/name": "m", "options/0/value": "2"})),
    (pod({"dnsConfig": {"nameservers": ["1.1.1.1"]}}), {"spec/dnsPolicy": "None"}),
    (pod({"imagePullSecrets": [{"name": "pull"}]}), {"spec/imagePullSecrets/0/name": "none"}),
    (pod(env=[{"name": "E", "value": "x"}]), {f"{C}/env/0/name": "F", f"{C}/env/0/value": "y"}),
    (env(fieldRef={"fieldPath": "metadata.name"}), {f"{E}/fieldRef/fieldPath": "metadata.namespace"}),
    (env(fieldRef={"fieldPath": "metadata.labels['app']"}), {"metadata/labels": {"app": "z"}}),
    (env(fieldRef={"fieldPath": "metadata.annotations['a']"}), {"metadata/annotations": {"a": "z"}}),
    (env(resourceFieldRef={"resource": "limits.cpu", "divisor": "1m", "containerName": "app"}),
     under(f"{E}/resourceFieldRef", {"resource": "limits.memory", "divisor": "1", "containerName": "other"})),
    (env(configMapKeyRef={"name": "conf", "key": "a"}), under(f"{E}/configMapKeyRef", {"name": "conf2", "key": "b"})),
    (env(secretKeyRef={"name": "key", "key": "a"}), under(f"{E}/secretKeyRef", {"name": "key2", "key": "b"})),
    (env(configMapKeyRef={**REF, "key": "a"}), {f"{E}/configMapKeyRef/optional": False}),
    (env(secretKeyRef={**REF, "key": "a"}), {f"{E}/secretKeyRef/optional": False}),
    (pod(envFrom=[{"configMapRef": {"name": "conf"}, "prefix": "P"}]), under(f"{C}/envFrom/0", {"prefix": "Q", "configMapRef/name": "conf2"})),
    (pod(envFrom=[{"secretRef": {"name": "key"}}]), {f"{C}/envFrom/0/secretRef/name": "key2"}),
    (pod(envFrom=[{"configMapRef": REF}]), {f"{C}/envFrom/0/configMapRef/optional": False}),
    (pod(envFrom=[{"secretRef": REF}]), {f"{C}/envFrom/0/secretRef/optional": False}),
    (MAPPED, under(f"{C}/ports/0", {"containerPort": 82, "protocol": "UDP", "hostPort": 83, "hostIP": "10.0.0.1"})),
    (pod(resources={"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}), under(f"{C}/resources", {"requests": {"cpu": "2"}, "limits": {"memory": "2Gi"}})),
    (pod(), {f"{C}/lifecycle": {"stopSignal": "SIGQUIT"}}),
    (pod(lifecycle={"stopSignal": "SIGINT"}), {f"{C}/lifecycle/stopSignal": "SIGQUIT"}),
    (secured({}, {}), {
        **under(f"{C}/securityContext", {"runAsUser": 5, "runAsGroup": 6, "runAsNonRoot": True, "privileged": True, "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True, "capabilities": {"add": ["X"]}, "seccompProfile": {"type": "Unconfined"},
                "appArmorProfile": {"type": "Unconfined"}, "seLinuxOptions": SELINUX, "procMount": "Unmasked"}),
        **under("spec/securityContext", {"runAsUser": 5, "runAsGroup": 6, "runAsNonRoot": True, "fsGroup": 7, "supplementalGroups": [8],
                "seccompProfile": {"type": "Unconfined"}, "appArmorProfile": {"type": "Unconfined"}, "seLinuxOptions": SELINUX,
                "sysctls": [{"name": "n", "value": "1"}]}),
    }),
    (secured({"capabilities": {"add": ["A"], "drop": ["B"]}, "seLinuxOptions": SELINUX,
              "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}, "seccompProfile": {"type": "Unconfined"}}, {"sysctls": [{"name": "n", "value": "1"}]}),
     {**under(f"{C}/securityContext", {"capabilities/add": ["C"], "capabilities/drop": ["C"], "appArmorProfile/type": "Unconfined", "appArmorProfile/localhostProfile": "q",
              "seccompProfile/type": "RuntimeDefault", **{f"seLinuxOptions/{part}": "z" for part in SELINUX}}),
      **under("spec/securityContext/sysctls/0", {"name": "m", "value": "2"})}),
    (volume(emptyDir={}), {f"{V}/emptyDir/medium": "Memory", f"{V}/name": "w", f"{C}/volumeMounts/0/name": "w", "spec/volumes": REMOVED,
                           **under(f"{C}/volumeMounts/0", {"mountPath": "/w", "subPath": "s", "subPathExpr": "e", "readOnly": True})}),
    (volume(emptyDir={"medium": "Memory", "sizeLimit": "1Mi"}), {f"{V}/emptyDir/sizeLimit": "2Mi"}),
    (volume(hostPath={"path": "/p", "type": "Directory"}), {**under(f"{V}/hostPath", {"path": "/q", "type": "File"}), f"{C}/volumeMounts/0/mountPropagation": "HostToContainer"}),
    (volume(nfs={"server": "s", "path": "/p"}), under(f"{V}/nfs", {"server": "t", "path": "/q", "readOnly": True})),
    (volume(configMap={"name": "conf", "defaultMode": 0o400, **ITEMS}), under(f"{V}/configMap", {"name": "conf2", **OBJECT})),
    (volume(configMap={"name": "conf"}), {f"{V}/configMap/defaultMode": 0o400}),
    (volume(configMap=REF), {f"{V}/configMap/optional": False}),
    (volume(secret={"secretName": "key", **ITEMS}), under(f"{V}/secret", {"secretName": "key2", **OBJECT})),
    (volume(secret={"secretName": "key"}), {f"{V}/secret/defaultMode": 0o400}),
    (volume(secret={"secretName": "gone", "optional": True}), {f"{V}/secret/optional": False}),
    (projected(configMap={"name": "conf", **ITEMS}), under(f"{S}/configMap", {"name": "conf2", **OBJECT})),
    (projected(configMap=REF), {f"{S}/configMap/optional": False}),
    (projected(secret={"name": "key", **ITEMS}), under(f"{S}/secret", {"name": "key2", **OBJECT})),
    (projected(secret=REF), {f"{S}/secret/optional": False}),
    (projected(secret={"name": "key"}), {f"{V}/projected/defaultMode": 0o400}),
    (projected(downwardAPI={"items": [FILE]}), {f"{S}/downwardAPI/items": []}),
    (volume(downwardAPI={"items": [FILE]}), under(f"{V}/downwardAPI/items/0", {"path": "g", "fieldRef/fieldPath": "metadata.namespace", "mode": 0o644})),
    (volume(downwardAPI={"items": [{"path": "f", "resourceFieldRef": {"resource": "limits.cpu"}}]}),
     {f"{V}/downwardAPI/items/0/resourceFieldRef/resource": "limits.memory", f"{V}/downwardAPI/defaultMode": 0o400}),
]  # fmt: skip

HTTP = {"port": 80, "path": "/p", "httpHeaders": [{"name": "N", "value": "1"}]}
PROBE = {"exec": {"command": ["c"]}, "initialDelaySeconds": 1}
NUMBERS = {"initialDelaySeconds": 7, "periodSeconds": 3, "failureThreshold": 2}
HTTP_CHANGES = {
    "port": 81,
    "path": "/q",
    "host": "h",
    "scheme": "HTTPS",
    "httpHeaders/0/name": "M",
    "httpHeaders/0/value": "2",
}
PORT = [{"containerPort": 99, "name": "p"}]

PROBES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *((pod(**{kind: PROBE}), under(f"{C}/{kind}", {"exec/command": ["d"], "timeoutSeconds": 5, **NUMBERS}))
      for kind in ("livenessProbe", "readinessProbe", "startupProbe")),
    (pod(readinessProbe=PROBE), {f"{C}/readinessProbe/successThreshold": 2}),
    (pod(readinessProbe={"httpGet": HTTP}), under(f"{C}/readinessProbe/httpGet", HTTP_CHANGES)),
    (pod(readinessProbe={"httpGet": {"port": "p"}}, ports=PORT), {f"{C}/ports/0/name": "q"}),
    (pod(readinessProbe={"tcpSocket": {"port": 80}}), under(f"{C}/readinessProbe/tcpSocket", {"port": 81, "host": "h"})),
    (pod(readinessProbe={"grpc": {"port": 80, "service": "s"}}), under(f"{C}/readinessProbe/grpc", {"port": 81, "service": "t"})),
    (pod(lifecycle={"postStart": {"exec": {"command": ["a"]}}, "preStop": {"httpGet": {"port": 80}}}),
     under(f"{C}/lifecycle", {"postStart/exec/command": ["b"], "preStop/httpGet/path": "/x"})),
    (pod(lifecycle={"preStop": {"sleep": {"seconds": 3}}}), {f"{C}/lifecycle/preStop/sleep/seconds": 4}),
]  # fmt: skip


def affine(kind: str, **terms: Any) -> dict[str, Any]:
    return pod({"affinity": {kind: terms}})


def zone(*values: str, operator: str = "In", key: str = "zone") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def near(**term: Any) -> dict[str, Any]:
    return affine(
        "podAffinity",
        **{MUST: [{"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "db"}}, **term}]},
    )


MUST, LIKE = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
NODE, NEAR, FAR = "spec/affinity/nodeAffinity", "spec/affinity/podAffinity", "spec/affinity/podAntiAffinity"
TERMS = f"{NODE}/{MUST}/nodeSelectorTerms"
WEB = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "web"}}, "namespaces": ["prod"]}
DB = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "db"}}}
EVEN = {
    "maxSkew": 1,
    "topologyKey": HOST,
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "db"}},
}
SPREAD = pod(
    {
        "topologySpreadConstraints": [EVEN],
        "affinity": {"nodeAffinity": {LIKE: [{"weight": 100, "preference": zone("y")}]}},
    }
)
SPREAD["metadata"]["labels"] = {"app": "db"}
TAINTED = pod(
    {
        "nodeSelector": {"zone": "w"},
        "tolerations": [{"key": "only", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}],
    }
)
LOST = {
    "key": "node.kubernetes.io/unreachable",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 60,
}


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod()["spec"]}
    labels = {"app": "web"}
    selector = labels if kind == "ReplicationController" else {"matchLabels": labels}
    version = "v1" if kind == "ReplicationController" else "apps/v1"
    whole = {"replicas": 3, "selector": selector, "template": template, **spec}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "web", "namespace": "default"},
        "spec": whole,
    }


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}

PLAN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (pod(), {"spec/nodeName": "c", "spec/nodeSelector": {"zone": "z"}, f"{C}/resources": {"requests": {"cpu": 9}}, "spec/containers": [{"name": "x", "image": "x:1"}]}),
    (affine("nodeAffinity", **{MUST: {"nodeSelectorTerms": [zone("y")]}}),
     under(f"{TERMS}/0/matchExpressions/0", {"key": "size", "operator": "NotIn", "values": ["z"]})),
    (affine("nodeAffinity", **{MUST: {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}]}}),
     {f"{TERMS}/0/matchFields/0/values": ["c"]}),
    (affine("nodeAffinity", **{LIKE: [{"weight": 5, "preference": zone("y")}, {"weight": 4, "preference": zone("z")}]}),
     under(f"{NODE}/{LIKE}/0", {"weight": 1, "preference": zone("x")})),
    (near(), under(f"{NEAR}/{MUST}/0", {"topologyKey": "rack", "labelSelector/matchLabels": {"app": "web"}})),
    (near(labelSelector=zone("db", key="app")), under(f"{NEAR}/{MUST}/0/labelSelector/matchExpressions/0", {"key": "k", "operator": "NotIn", "values": ["x"]})),
    (near(**WEB), {f"{NEAR}/{MUST}/0/namespaces": ["default"]}),
    (near(labelSelector={"matchLabels": {"app": "web"}}), {f"{NEAR}/{MUST}/0/namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "prod"}}}),
    (affine("podAffinity", **{LIKE: [{"weight": 5, "podAffinityTerm": DB}, {"weight": 4, "podAffinityTerm": WEB}]}),
     under(f"{NEAR}/{LIKE}/0", {"weight": 1, "podAffinityTerm/topologyKey": "none"})),
    (pod({"nodeSelector": {"zone": "y"}}), {f"{FAR}/{MUST}": [DB]}),
    (TAINTED, under("spec/tolerations/0", {"key": "k", "value": "x", "effect": "NoExecute"})),
    (pod({"nodeSelector": {"zone": "w"}, "tolerations": [{"key": "only", "operator": "Exists"}]}), {"spec/tolerations/0/operator": "Equal"}),
    (SPREAD, under("spec/topologySpreadConstraints/0", {"maxSkew": 2, "topologyKey": "none", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector/matchLabels": {"app": "x"}})),
    (workload("Deployment", strategy=ROLLING), {"spec/strategy/type": "Recreate", "spec/strategy/rollingUpdate/maxSurge": 2, "spec/strategy/rollingUpdate/maxUnavailable": 2,
        "spec/minReadySeconds": 60, "spec/progressDeadlineSeconds": 77, "spec/revisionHistoryLimit": 1, "spec/paused": True, "spec/replicas": 7}),
    (workload("Deployment", replicas=7), {"spec/template/spec/containers/0/image": "web:v9", "spec/template/metadata/labels": {"app": "web", "x": "y"}}),
    (workload("ReplicaSet", replicas=5), {"spec/replicas": 7, "spec/minReadySeconds": 60, "spec/template/spec/containers/0/image": "web:v9"}),
    (workload("ReplicationController", replicas=5), {"spec/replicas": 7, "spec/minReadySeconds": 60, "spec/template/spec/containers/0/image": "web:v9"}),
]  # fmt: skip
CARE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (pod(livenessProbe=PROBE, startupProbe=PROBE), {"spec/terminationGracePeriodSeconds": 5, "spec/restartPolicy": "Never",
        f"{C}/livenessProbe/terminationGracePeriodSeconds": 5, f"{C}/startupProbe/terminationGracePeriodSeconds": 5}),
    (pod({"tolerations": [LOST]}), {"spec/tolerations/0/tolerationSeconds": 600}),
]  # fmt: skip

JUDGE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (pod({"os": {"name": "linux"}}), {"spec/os/name": "windows"}),
    (pod(securityContext={"seccompProfile": {"type": "Unconfined"}}), {f"{C}/securityContext/seccompProfile/localhostProfile": "p"}),
    (pod(lifecycle={"preStop": {"sleep": {"seconds": 1}}}), {f"{C}/lifecycle/preStop/tcpSocket": {"port": 80}}),
    (workload("Deployment"), {"spec/selector/matchLabels": {"app": "x"}}),
    (workload("ReplicaSet"), {"spec/selector/matchLabels": {"app": "x"}}),
    (workload("ReplicationController"), {"spec/selector": {"app": "x"}}),
    (data("Secret", "s", stringData={"a": "b"}), {"type": "kubernetes.io/tls"}),
]  # fmt: skip

ROWS = [
    (scene, manifest, path, value)
    for scene, blocks in (
        ("docker", DOCKER),
        ("probes", PROBES),
        ("plan", PLAN),
        ("care", CARE),
        ("judge", JUDGE),
    )
    for manifest, changes in blocks
    for path, value in changes.items()
]
