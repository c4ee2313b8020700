"""Pod Security Standards: one pod that each control lets pass and one that it doesn't, and where they hold."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.inventory import judge_fleet
from reconciler.manifests.rules.security_controls import CONTROLS
from reconciler.model.fleet import Fleet
from tests.manifests.build import deployment, lines, load, rollout, template

GOOD = "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}"
HARD = "securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}"
"""What restricted wants of a pod; `GOOD` is what it wants of a container."""

BASELINE = [
    ("Host Namespaces", "hostPID: false", "", "hostPID: true", "", "hostPID"),
    ("Privileged Containers", "", "securityContext: {privileged: false}", "", "securityContext: {privileged: true}", "containers[0].securityContext.privileged"),
    ("Capabilities", "", "securityContext: {capabilities: {add: [CHOWN, KILL]}}", "", "securityContext: {capabilities: {add: [CHOWN, NET_RAW]}}", "containers[0].securityContext.capabilities.add[1]"),
    ("HostPath Volumes", "volumes: [{name: v, nfs: {server: nas, path: /}}]", "", "volumes: [{name: v, hostPath: {path: /}}]", "", "volumes[0].hostPath"),
    ("Host Ports", "", "ports: [{containerPort: 80}]", "", "ports: [{containerPort: 80, hostPort: 80}]", "containers[0].ports[0].hostPort"),
    ("Host Probes / Lifecycle Hooks", "", "livenessProbe: {tcpSocket: {port: 1}}", "", "livenessProbe: {tcpSocket: {port: 1, host: 192.0.2.1}}", "containers[0].livenessProbe.tcpSocket.host"),
    ("Host Probes / Lifecycle Hooks", "", "lifecycle: {preStop: {httpGet: {port: 1}}}", "", "lifecycle: {preStop: {httpGet: {port: 1, host: a}}}", "containers[0].lifecycle.preStop.httpGet.host"),
    ("AppArmor", "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: a}}", "", "securityContext: {appArmorProfile: {type: Unconfined}}", "", "securityContext.appArmorProfile.type"),
    ("SELinux", "securityContext: {seLinuxOptions: {type: container_engine_t, level: s0}}", "", "securityContext: {seLinuxOptions: {type: spc_t}}", "", "securityContext.seLinuxOptions.type"),
    ("SELinux", "", "securityContext: {seLinuxOptions: {}}", "", "securityContext: {seLinuxOptions: {role: a}}", "containers[0].securityContext.seLinuxOptions.role"),
    ("/proc Mount Type", "hostUsers: true", "securityContext: {procMount: Default}", "hostUsers: true", "securityContext: {procMount: Unmasked}", "containers[0].securityContext.procMount"),
    ("Seccomp", "securityContext: {seccompProfile: {type: RuntimeDefault}}", "", "securityContext: {seccompProfile: {type: Unconfined}}", "", "securityContext.seccompProfile.type"),
    ("Sysctls", "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: '1'}]}", "", "securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}", "", "securityContext.sysctls[0].name"),
]  # fmt: skip
"""(control, a pod and container that pass, a pod and container that don't, where)."""
RESTRICTED = [
    ("Volume Types", f"{HARD}\nvolumes: [{{name: v, emptyDir: {{}}}}]", f"securityContext: {{{GOOD}}}", f"{HARD}\nvolumes: [{{name: v, nfs: {{server: nas, path: /}}}}]", f"securityContext: {{{GOOD}}}", "volumes[0].nfs"),
    ("Volume Types", HARD, f"securityContext: {{{GOOD}}}", f"{HARD}\nvolumes: [{{name: v, hostPath: {{path: /}}}}]", f"securityContext: {{{GOOD}}}", "volumes[0].hostPath"),
    ("Privilege Escalation", HARD, f"securityContext: {{{GOOD}}}", HARD, "securityContext: {capabilities: {drop: [ALL]}}", "containers[0].securityContext.allowPrivilegeEscalation"),
    ("Running as Non-root", "securityContext: {seccompProfile: {type: RuntimeDefault}}", f"securityContext: {{{GOOD}, runAsNonRoot: true}}", "securityContext: {seccompProfile: {type: RuntimeDefault}}", f"securityContext: {{{GOOD}}}", "containers[0].securityContext.runAsNonRoot"),
    ("Running as Non-root", HARD, f"securityContext: {{{GOOD}, runAsNonRoot: true}}", HARD, f"securityContext: {{{GOOD}, runAsNonRoot: false}}", "containers[0].securityContext.runAsNonRoot"),
    ("Running as Non-root user", HARD, f"securityContext: {{{GOOD}, runAsUser: 1}}", HARD.replace("{runAs", "{runAsUser: 0, runAs"), f"securityContext: {{{GOOD}, runAsUser: 1}}", "securityContext.runAsUser"),
    ("Seccomp", "securityContext: {runAsNonRoot: true}", f"securityContext: {{{GOOD}, seccompProfile: {{type: RuntimeDefault}}}}", "securityContext: {runAsNonRoot: true}", f"securityContext: {{{GOOD}}}", "containers[0].securityContext.seccompProfile.type"),
    ("Capabilities", HARD, f"securityContext: {{{GOOD.replace('drop', 'add: [NET_BIND_SERVICE], drop')}}}", HARD, f"securityContext: {{{GOOD.replace('drop', 'add: [CHOWN], drop')}}}", "containers[0].securityContext.capabilities.add[0]"),
    ("Capabilities", HARD, f"securityContext: {{{GOOD}}}", HARD, "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [KILL]}}", "containers[0].securityContext.capabilities.drop"),
]  # fmt: skip


def namespace(name: str = "default", **labels: str) -> str:
    given = ", ".join(
        f"'pod-security.kubernetes.io/{key.replace('_', '-')}': '{value}'" for key, value in labels.items()
    )
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{given}}}}}\n"


def told(tmp_path: Path, *texts: str, fleet: Fleet | None = None) -> list[str]:
    return [line for line in lines(load(tmp_path, *texts, fleet=fleet)) if "Pod Security" in line]


def fleet(security: str) -> Fleet:
    from reconciler.manifests.documents import Reader

    text = f"""\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {{name: home}}
spec:
  nodes: [{{name: pi, address: "sim://pi"}}]
  source: {{directory: {{path: .}}}}
  podSecurity: {security}
"""
    (value,) = Reader(text).documents()
    found, said = judge_fleet(value)
    assert found is not None and not said, said
    return found


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize(("control", "pod", "container", "bad_pod", "bad_container", "where"), BASELINE)
def test_baseline(
    tmp_path: Path,
    level: str,
    control: str,
    pod: str,
    container: str,
    bad_pod: str,
    bad_container: str,
    where: str,
) -> None:
    found = told(tmp_path, namespace(enforce="baseline"), deployment(pod, container=container))
    assert found == []
    found = told(tmp_path, namespace(enforce=level), deployment(bad_pod, container=bad_container))
    (line,) = [line for line in found if line.startswith(f"spec.template.spec.{where}: ")]
    assert "must" in line and (level == "restricted" or f'{control} of Pod Security "{level}:latest"' in line)
    assert level == "restricted" or len(found) == 1


@pytest.mark.parametrize(("control", "pod", "container", "bad_pod", "bad_container", "where"), RESTRICTED)
def test_restricted(
    tmp_path: Path, control: str, pod: str, container: str, bad_pod: str, bad_container: str, where: str
) -> None:
    strict = namespace(enforce="restricted")
    assert told(tmp_path, strict, deployment(pod, container=container)) == []
    (line,) = told(tmp_path, strict, deployment(bad_pod, container=bad_container))
    assert line.startswith(f"spec.template.spec.{where}: must")
    assert f'{control} of Pod Security "restricted:latest", which namespace default enforces' in line


def test_every_control_has_its_rows_and_stands_in_the_docs() -> None:
    rows = {("baseline", row[0]) for row in BASELINE} | {("restricted", row[0]) for row in RESTRICTED}
    assert rows == {(control.level, control.name) for control in CONTROLS}
    text = (Path(__file__).parents[2] / "docs/pod-security.md").read_text()
    assert [c.name for c in CONTROLS if f"| {c.level} | {c.name} |" not in text] == []


PRIVILEGED = "securityContext: {privileged: true}"
POD = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: a, image: 'a:1', {PRIVILEGED}}}]}}\n"
JOB = f"{{job: {{spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: 'a:1', {PRIVILEGED}}}]}}}}}}}}}}"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (POD, "spec.containers[0]"),
        (deployment(container=PRIVILEGED), "spec.template.spec.containers[0]"),
        (deployment(container=PRIVILEGED).replace("kind: Deployment", "kind: ReplicaSet"), "spec.template.spec.containers[0]"),
        (rollout(container=PRIVILEGED), "spec.template.spec.containers[0]"),
        (template(provider=JOB), "spec.metrics[0].provider.job.spec.template.spec.containers[0]"),
        (f"{template(provider=JOB, kind='ClusterAnalysisTemplate')}---\n{rollout()}", "spec.metrics[0].provider.job.spec.template.spec.containers[0]"),
        (deployment("initContainers: [{name: i, image: 'a:1', %s}]" % PRIVILEGED), "spec.template.spec.initContainers[0]"),  # noqa: UP031
    ],
)  # fmt: skip
def test_whatever_makes_pods_is_held_to_it(tmp_path: Path, text: str, where: str) -> None:
    (found,) = told(tmp_path, namespace(enforce="baseline"), text)
    assert found.startswith(f"{where}.securityContext.privileged: must be false")


def test_it_is_told_with_file_and_line_and_refuses_the_whole(tmp_path: Path) -> None:
    loaded = load(tmp_path, namespace(enforce="restricted"), POD)
    errors = [error for error in loaded.errors if error.rule == "pod-security"]
    assert {(error.file, error.line) for error in errors} == {("1.yaml", 4)}
    assert "pod-security.kubernetes.io/enforce" in errors[0].remedy


def test_warn_and_audit_are_warnings_said_once(tmp_path: Path) -> None:
    given = namespace(enforce="privileged", warn="baseline", audit="restricted")
    found = told(
        tmp_path, given, deployment(container="securityContext: {privileged: true, runAsNonRoot: true}")
    )
    assert len(found) == 4 and all(": warning: must" in line for line in found)
    assert [("warns of" in line, "audits" in line) for line in found if "privileged" in line] == [
        (True, False)
    ]
    assert not [error for error in load(tmp_path, given, POD).errors if error.rule == "pod-security"]


def test_versions_hold_what_held_then(tmp_path: Path) -> None:
    pod = "securityContext: {sysctls: [{name: net.ipv4.tcp_rmem, value: '4096 87380 6291456'}]}"
    for version, count in (("v1.31", 1), ("v1.32", 0), ("latest", 0)):
        given = namespace(enforce="baseline", enforce_version=version)
        assert len(told(tmp_path, given, deployment(pod))) == count, version
    probe = "livenessProbe: {tcpSocket: {port: 1, host: a}}"
    for version, count in (("v1.33", 0), ("v1.34", 1), ("v1.99", 1)):
        given = namespace(enforce="baseline", enforce_version=version)
        assert len(told(tmp_path, given, deployment(container=probe))) == count, version
    old = namespace(enforce="baseline", enforce_version="v1.18")
    annotated = POD.replace(
        "{name: p}", "{name: p, annotations: {'seccomp.security.alpha.kubernetes.io/pod': unconfined}}"
    )
    assert len(told(tmp_path, old, annotated)) == 2


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            {"enforce": "strict"},
            "metadata.labels[pod-security.kubernetes.io/enforce]: expected one of privileged",
        ),
        (
            {"enforce_version": "1.34"},
            "metadata.labels[pod-security.kubernetes.io/enforce-version]: expected a version",
        ),
        (
            {"enfroce": "restricted"},
            "metadata.labels[pod-security.kubernetes.io/enfroce]: is no label of Pod Security",
        ),
    ],
)
def test_a_label_that_says_nothing_is_an_error(tmp_path: Path, labels: dict[str, str], expected: str) -> None:
    (found,) = lines(load(tmp_path, namespace(**labels)))
    assert found.startswith(expected)


def test_the_fleet_has_defaults_and_exemptions(tmp_path: Path) -> None:
    strict = fleet(
        "{defaults: {enforce: baseline, warn: restricted, enforce-version: v1.30}, exemptions: {namespaces: [system], runtimeClasses: [gvisor]}}"
    )
    found = told(tmp_path, POD, fleet=strict)
    assert [line for line in found if "enforces" in line] == [
        'spec.containers[0].securityContext.privileged: must be false: Privileged Containers of Pod Security "baseline:v1.30", which namespace default enforces'
    ]
    assert len(found) > 1 and all("warning" in line for line in found if "enforces" not in line)
    assert told(tmp_path, POD.replace("{name: p}", "{name: p, namespace: system}"), fleet=strict) == []
    assert (
        told(tmp_path, POD.replace("{containers", "{runtimeClassName: gvisor, containers"), fleet=strict)
        == []
    )
    loose = namespace(enforce="privileged", warn="privileged")
    assert told(tmp_path, loose, POD, fleet=strict) == []


def test_without_a_word_nothing_is_held_to_anything(tmp_path: Path) -> None:
    assert told(tmp_path, namespace(), POD) == []
    assert told(tmp_path, namespace("other", enforce="restricted"), POD) == []
