"""Manifests' words, a question to a shell in the container, and the answer: one row a feature."""

from __future__ import annotations

from typing import Any

from reconciler.model.config import ConfigMap, Secret
from tests.engine.pods import WAIT, config_map, secret

CONFIG = config_map("settings", {"color": "blue", "app.ini": "[a]\nb=1\n", "1bad": "x"})
BINARY = config_map("blob", {}, binaryData={"b": "AP8B"})
SECRET = secret("login", {"user": "ada", "password": "s3cret"})
CONTENTS: tuple[ConfigMap | Secret, ...] = (CONFIG, BINARY, SECRET)


def pod(name: str, container: dict[str, Any], labels: dict[str, str] | None = None, **spec: Any) -> Any:
    app = {"name": "app", "image": "IMAGE", "command": ["sh", "-c", WAIT], **container}
    return name, {"containers": [app], **spec}, labels or {}


def env(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"env": list(entries)}


def field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def mounted(source: dict[str, Any], path: str = "/v", **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    mount = {"name": "vol", "mountPath": path, **more}
    return {"volumeMounts": [mount]}, {"volumes": [{"name": "vol", **source}]}


def with_volume(
    name: str, source: dict[str, Any], container: dict[str, Any] | None = None, **more: Any
) -> Any:
    mounts, volumes = mounted(
        source, **{k: v for k, v in more.items() if k in ("path", "subPath", "readOnly")}
    )
    spec = {k: v for k, v in more.items() if k not in ("path", "subPath", "readOnly")}
    return pod(name, {**mounts, **(container or {})}, **volumes, **spec)


CASES: list[tuple[Any, str, str]] = [
    (
        pod("literal", env({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2 $$(A) $(NO)"})),
        "echo $B",
        "12 $(A) $(NO)",
    ),
    (
        pod("names", env(field("N", "metadata.name"), field("S", "metadata.namespace"))),
        "echo $N.$S",
        "names.default",
    ),
    (pod("label", env(field("L", "metadata.labels['app']")), {"app": "web"}), "echo $L", "web"),
    (pod("ips", env(field("P", "status.podIP"))), "echo $P; hostname -i", "10.42.7.20\n10.42.7.20"),
    (pod("hostip", env(field("H", "status.hostIP"))), "echo $H", "NODE_IP"),
    (pod("nodename", env(field("N", "spec.nodeName"))), "echo $N", "NODE"),
    (
        pod(
            "cpu",
            {
                "resources": {"limits": {"cpu": "250m", "memory": "32Mi"}},
                **env(
                    {
                        "name": "C",
                        "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}},
                    }
                ),
            },
        ),
        "echo $C",
        "250",
    ),
    (
        pod(
            "keys", env({"name": "K", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "color"}}})
        ),
        "echo $K",
        "blue",
    ),
    (
        pod(
            "secretkey",
            env({"name": "K", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}}),
        ),
        "echo $K",
        "s3cret",
    ),
    (
        pod(
            "optional",
            env(
                {
                    "name": "K",
                    "valueFrom": {"secretKeyRef": {"name": "login", "key": "no", "optional": True}},
                },
                {
                    "name": "M",
                    "valueFrom": {"configMapKeyRef": {"name": "no", "key": "no", "optional": True}},
                },
            ),
        ),
        "env | grep -c -e ^K= -e ^M= || true",
        "0",
    ),
    (
        pod(
            "envfrom",
            {
                "envFrom": [
                    {"configMapRef": {"name": "settings"}},
                    {"prefix": "X_", "configMapRef": {"name": "settings"}},
                    {"secretRef": {"name": "login"}},
                    {"secretRef": {"name": "gone", "optional": True}},
                ],
                "env": [{"name": "user", "value": "bob"}],
            },
        ),
        "echo $X_color $user $password; tr '\\0' '\\n' < /proc/1/environ | grep bad",
        "blue bob s3cret\n1bad=x\nX_1bad=x",
    ),
    (
        pod(
            "args",
            {
                "command": ["sh", "-c", 'echo "$0 $1" > /tmp/a; ' + WAIT],
                "args": ["$(A)", "$$(A)"],
                **env({"name": "A", "value": "x"}),
            },
        ),
        "until [ -s /tmp/a ]; do sleep 0.05; done; cat /tmp/a",
        "x $(A)",
    ),
    (pod("workdir", {"workingDir": "/tmp"}), "pwd", "/tmp"),
    (pod("hostname", {}), "hostname", "hostname"),
    (pod("fqdn", {}, hostname="db-0", subdomain="db"), "hostname -f", "db-0.db.default.svc.cluster.local"),
    (
        pod("alias", {}, hostAliases=[{"ip": "10.1.2.3", "hostnames": ["a.b", "c"]}]),
        "grep -c 10.1.2.3 /etc/hosts",
        "2",
    ),
    (
        pod(
            "dns",
            {},
            dnsPolicy="None",
            dnsConfig={
                "nameservers": ["10.9.9.9"],
                "searches": ["x.y"],
                "options": [{"name": "ndots", "value": "5"}],
            },
        ),
        "grep -e ^search -e ^options /etc/resolv.conf",
        "search x.y\noptions ndots:5",
    ),
    (
        pod(
            "user",
            {"securityContext": {"runAsUser": 1000, "runAsGroup": 2000}},
            securityContext={"supplementalGroups": [3000], "fsGroup": 4000},
        ),
        "id -u; id -g; id -G",
        "1000\n2000\n2000 3000 4000",
    ),
    (pod("grouponly", {"securityContext": {"runAsGroup": 2000}}), "id -u; id -g", "0\n2000"),
    (
        pod("readonly", {"securityContext": {"readOnlyRootFilesystem": True}}),
        "touch /x 2>&1",
        "touch: /x: Read-only file system",
    ),
    (
        pod("nocaps", {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}}),
        "grep CapEff /proc/self/status | cut -f2",
        "0000000000001000",
    ),
    (
        pod("nonewprivs", {"securityContext": {"allowPrivilegeEscalation": False}}),
        "grep NoNewPrivs /proc/self/status | cut -f2",
        "1",
    ),
    (
        pod("unconfined", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
        "grep ^Seccomp: /proc/self/status | cut -f2",
        "0",
    ),
    (pod("seccomp", {}), "grep ^Seccomp: /proc/self/status | cut -f2", "2"),
    (
        pod("sysctl", {}, securityContext={"sysctls": [{"name": "net.core.somaxconn", "value": "777"}]}),
        "cat /proc/sys/net/core/somaxconn",
        "777",
    ),
    (
        pod("pid1", {"command": ["sleep", "1000"]}),
        "while grep -q runc /proc/1/comm; do sleep 0.05; done; cat /proc/1/comm",  # runc's at first
        "sleep",
    ),
    (
        pod("memory", {"resources": {"limits": {"memory": "32Mi"}}}),
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null",
        "33554432",
    ),
    (
        pod("quota", {"resources": {"limits": {"cpu": "64"}}}),
        "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max",
        "6400000",
    ),
    (
        pod("hostnet", env(field("P", "status.podIP")), hostNetwork=True),
        "echo $P; hostname",
        "NODE_IP\nNODE_HOST",
    ),
    (
        pod("hostpid", {}, hostPID=True),
        "grep -c 'sleep 1000' /proc/1/cmdline",
        "0",
    ),
    (
        with_volume("empty", {"emptyDir": {}}, {"securityContext": {"runAsUser": 1000}}),
        "touch /v/x && stat -c %a /v",
        "777",
    ),
    (
        with_volume(
            "emptygroup",
            {"emptyDir": {}},
            {"securityContext": {"runAsUser": 1000}},
            securityContext={"fsGroup": 2000},
        ),
        "touch /v/x && stat -c '%a %g' /v && stat -c %g /v/x",
        "2777 2000\n2000",
    ),
    (
        with_volume("memorydir", {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}),
        "df -k /v | tail -1 | cut -c1-5; df -k /v | awk 'END{print $2}'",
        "tmpfs\n1024",
    ),
    (with_volume("emptysub", {"emptyDir": {}}, subPath="a/b"), "touch /v/x && stat -c %a /v", "777"),
    (
        with_volume("config", {"configMap": {"name": "settings"}}),
        "cat /v/color; echo; ls /v; touch /v/x 2>&1",
        "blue\n1bad\napp.ini\ncolor\ntouch: /v/x: Read-only file system",
    ),
    (
        with_volume(
            "configitems",
            {
                "configMap": {
                    "name": "settings",
                    "items": [{"key": "app.ini", "path": "d/x.ini", "mode": 0o600}],
                }
            },
        ),
        "find /v -type f; stat -c %a /v/d/x.ini",
        "/v/d/x.ini\n600",
    ),
    (
        with_volume("configsub", {"configMap": {"name": "settings"}}, path="/etc/app.ini", subPath="app.ini"),
        "cat /etc/app.ini",
        "[a]\nb=1",
    ),
    (with_volume("binary", {"configMap": {"name": "blob"}}), "od -An -tx1 /v/b", " 00 ff 01"),
    (
        with_volume("secretvol", {"secret": {"secretName": "login", "defaultMode": 0o400}}),
        "cat /v/password; echo; stat -c %a /v/password",
        "s3cret\n400",
    ),
    (
        with_volume(
            "secretgroup",
            {"secret": {"secretName": "login", "defaultMode": 0o400}},
            {"securityContext": {"runAsUser": 1000}},
            securityContext={"fsGroup": 2000},
        ),
        "cat /v/password; echo; stat -c '%a %g' /v/password",
        "s3cret\n440 2000",
    ),
    (
        with_volume("missingoptional", {"secret": {"secretName": "gone", "optional": True}}),
        "ls /v | wc -l",
        "0",
    ),
    (
        with_volume(
            "projected",
            {
                "projected": {
                    "sources": [
                        {"configMap": {"name": "settings", "items": [{"key": "color", "path": "c"}]}},
                        {"secret": {"name": "login"}},
                        {
                            "downwardAPI": {
                                "items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]
                            }
                        },
                    ]
                }
            },
        ),
        "cd /v; ls; cat c n",
        "c\nn\npassword\nuser\nblueprojected",
    ),
    (
        pod(
            "downward",
            mounted({})[0],
            {"app": "web", "q": 'a"b'},
            volumes=[
                {
                    "name": "vol",
                    "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]},
                }
            ],
        ),
        "cat /v/l",
        'app="web"\nq="a\\"b"',
    ),
    (
        with_volume("hostdir", {"hostPath": {"path": "HOSTTMP/made", "type": "DirectoryOrCreate"}}),
        "touch /v/x && ls /v",
        "x",
    ),
    (
        with_volume("hostfile", {"hostPath": {"path": "HOSTTMP/f", "type": "FileOrCreate"}}),
        "test -f /v && echo file",
        "file",
    ),
    (
        with_volume(
            "hostsocket",
            {"hostPath": {"path": "/run/docker.sock", "type": "Socket"}},
            path="/run/docker.sock",
        ),
        "test -S /run/docker.sock && echo socket",
        "socket",
    ),
    (
        with_volume("hostro", {"hostPath": {"path": "/tmp"}}, readOnly=True),
        "touch /v/x 2>&1",
        "touch: /v/x: Read-only file system",
    ),
]
