"""A pod's manifest against the Docker objects that it becomes: what can be told without an Engine."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from reconciler.engine.node_image.build import debian_architecture
from reconciler.engine.observing.container_state import Count, counted, listed
from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.files import File, tarball
from reconciler.engine.pods.image import logins, split_reference
from reconciler.engine.pods.pod import DockerPod, images_to_ask, translate
from reconciler.engine.pods.resources import quality_of_service
from reconciler.engine.pods.volumes import without_subpath
from reconciler.errors import ContainerConfigInvalid
from reconciler.model.desired import Contents
from reconciler.model.observed import NodeFacts, PodRecord
from tests.engine.pods import config_map, record, secret

PLACE = Place(
    fleet="home", network="home_pods", host_ip="10.0.0.5", facts=NodeFacts(cpu_milli=4000, memory=8 * 2**30)
)


def pod(container: dict[str, Any] | None = None, **spec: Any) -> PodRecord:
    app = {"name": "app", "image": "img:1", **(container or {})}
    return record("web", {"containers": [app, *spec.pop("more", [])], **spec}, node="n1")


def made(one: PodRecord, contents: Contents | None = None, users: dict[str, str] | None = None) -> DockerPod:
    return translate(one, contents or {}, PLACE, users or {}, "reconciler-node:1")


def body(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return made(pod(container, **spec)).containers[-1].body


def host(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(container, **spec)["HostConfig"]
    return found


def test_one_container_has_the_ip_and_the_name_itself() -> None:
    content = body()
    assert content["Hostname"] == "web"
    assert content["HostConfig"]["NetworkMode"] == "home_pods"
    assert (
        content["NetworkingConfig"]["EndpointsConfig"]["home_pods"]["IPAMConfig"]["IPv4Address"]
        == "10.42.7.20"
    )


def test_an_engine_that_maps_users_is_asked_for_the_nodes_own_where_it_must_be() -> None:
    assert "UsernsMode" not in host()
    privileged = {"securityContext": {"privileged": True}}
    for found in (host(hostNetwork=True), host(hostPID=True), host(privileged)):
        assert found["UsernsMode"] == "host"
    side = {"name": "side", "image": "img:2"}
    every = made(pod(privileged, more=[side])).containers
    assert [c.body["HostConfig"]["UsernsMode"] for c in every] == ["host"] * 3


def test_several_containers_join_the_sandbox_which_has_ip_ports_and_names() -> None:
    side = {
        "name": "side",
        "image": "img:2",
        "ports": [{"containerPort": 53, "protocol": "UDP", "hostPort": 5353}],
    }
    found = made(pod(more=[side], hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a"]}]))
    sandbox, app, other = (c.body for c in found.containers)
    assert [c.docker_name for c in found.containers] == [
        "home_default_web__sandbox",
        "home_default_web_app",
        "home_default_web_side",
    ]
    assert sandbox["HostConfig"]["PortBindings"] == {"53/udp": [{"HostIp": "", "HostPort": "5353"}]}
    assert sandbox["HostConfig"]["ExtraHosts"] == ["a:1.2.3.4"]
    for joined in (app, other):
        assert joined["HostConfig"]["NetworkMode"] == "container:home_default_web__sandbox"
        assert joined["HostConfig"]["IpcMode"] == "container:home_default_web__sandbox"
        assert "Hostname" not in joined


@pytest.mark.parametrize(
    ("container", "entrypoint", "cmd"),
    [
        ({}, None, None),
        ({"command": ["a"]}, ["a"], None),
        ({"args": ["b"]}, None, ["b"]),
        ({"command": ["a"], "args": ["b"]}, ["a"], ["b"]),
    ],
)
def test_command_and_args_override_as_in_kubernetes(container: Any, entrypoint: Any, cmd: Any) -> None:
    content = body(container)
    assert (content.get("Entrypoint"), content.get("Cmd")) == (entrypoint, cmd)


def test_restart_policies() -> None:
    assert host()["RestartPolicy"] == {"Name": "always"}
    assert host(restartPolicy="OnFailure")["RestartPolicy"] == {"Name": "on-failure"}
    assert host(restartPolicy="Never")["RestartPolicy"] == {"Name": "no"}
    inits = [{"name": "i", "image": "x:1"}, {"name": "s", "image": "x:1", "restartPolicy": "Always"}]
    roles = {c.name: c for c in made(pod(initContainers=inits)).containers}
    assert roles["i"].body["HostConfig"]["RestartPolicy"] == {"Name": "no"}
    assert roles["s"].body["HostConfig"]["RestartPolicy"] == {"Name": "always"}


def test_the_security_context_in_dockers_fields() -> None:
    found = host(
        {
            "securityContext": {
                "privileged": True,
                "capabilities": {"add": ["SYS_TIME"], "drop": ["all"]},
                "seccompProfile": {"type": "Unconfined"},
                "appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"},
                "seLinuxOptions": {"type": "spc_t"},
                "procMount": "Unmasked",
            }
        }
    )
    assert found["Privileged"] is True
    assert (found["CapAdd"], found["CapDrop"]) == (["CAP_SYS_TIME"], ["ALL"])
    assert found["SecurityOpt"] == ["seccomp=unconfined", "apparmor=mine", "label=type:spc_t"]
    assert found["MaskedPaths"] == found["ReadonlyPaths"] == []


def test_a_containers_own_user_wins_over_its_pods() -> None:
    pod_context = {"runAsUser": 1, "runAsGroup": 2}
    assert body(securityContext=pod_context)["User"] == "1:2"
    assert body({"securityContext": {"runAsUser": 3}}, securityContext=pod_context)["User"] == "3:2"


@pytest.mark.parametrize(
    ("user", "refused"), [("", True), ("root", True), ("0:0", True), ("app", True), ("1000", False)]
)
def test_run_as_non_root_looks_at_the_images_user(user: str, refused: bool) -> None:
    one = pod(securityContext={"runAsNonRoot": True})
    assert images_to_ask(one) == {"img:1"}
    if refused:
        with pytest.raises(ContainerConfigInvalid, match="runAsUser"):
            made(one, users={"img:1": user})
    else:
        assert made(one, users={"img:1": user})


def test_nobody_is_asked_for_an_image_whose_user_does_not_matter() -> None:
    assert images_to_ask(pod()) == frozenset()
    assert images_to_ask(pod(securityContext={"runAsNonRoot": True, "runAsUser": 5})) == frozenset()


def test_requests_and_limits() -> None:
    need = {
        "requests": {"cpu": "250m", "memory": "1Gi"},
        "limits": {"cpu": 8, "memory": "2Gi", "nvidia.com/gpu": 1},
    }
    found = host({"resources": need})
    assert found["CpuShares"] == 256
    assert (found["CpuPeriod"], found["CpuQuota"]) == (100_000, 800_000)
    assert found["Memory"] == found["MemorySwap"] == 2 * 2**30
    assert found["OomScoreAdj"] == 875
    assert found["DeviceRequests"][0]["Count"] == 1


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_quality_of_service(resources: dict[str, Any], expected: str) -> None:
    assert quality_of_service(pod({"resources": resources}).spec) == expected


def test_secret_values_are_in_no_label_and_in_no_repr() -> None:
    value = "hunter2-hunter2"
    login = secret("login", {"password": value})
    one = pod(
        {
            "envFrom": [{"secretRef": {"name": "login"}}],
            "volumeMounts": [{"name": "s", "mountPath": "/s"}],
        },
        volumes=[{"name": "s", "secret": {"secretName": "login"}}],
    )
    found = made(one, {login.key: login})
    assert f"password={value}" in found.containers[0].body["Env"]
    assert value not in json.dumps(found.containers[0].body["Labels"])
    assert value not in repr(found)


def test_every_key_of_envfrom_becomes_a_variable() -> None:
    settings = config_map("settings", {"1STARTS": "a", "my-key.x": "b"})
    one = pod({"envFrom": [{"configMapRef": {"name": "settings"}}]})
    environment = made(one, {settings.key: settings}).containers[0].body["Env"]
    assert environment == ["1STARTS=a", "my-key.x=b"]


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "a"}}},
            "seccompProfile",
        ),
        ({"volumeMounts": [{"name": "d", "mountPath": "/d", "subPathExpr": "$(NO)"}]}, "subPathExpr"),
        ({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k"}}}]}, "not found"),
    ],
)
def test_what_cannot_be_honoured_names_the_pod_and_the_container(container: Any, words: str) -> None:
    with pytest.raises(ContainerConfigInvalid, match=words) as caught:
        made(pod(container, volumes=[{"name": "d", "emptyDir": {}}]))
    assert caught.value.where == "Pod default/web, container app"


def test_a_sub_path_becomes_a_bind_for_an_older_engine() -> None:
    mount = {"name": "c", "mountPath": "/etc/a", "subPath": "a"}
    settings = config_map("settings", {"a": "1"})
    one = pod({"volumeMounts": [mount]}, volumes=[{"name": "c", "configMap": {"name": "settings"}}])
    (found,) = made(one, {settings.key: settings}).containers[0].body["HostConfig"]["Mounts"]
    assert found["VolumeOptions"]["Subpath"] == "a"
    assert without_subpath(found, {"home_default_web_c": "/data/c/_data"}) == {
        "Type": "bind",
        "Source": "/data/c/_data/a",
        "Target": "/etc/a",
        "ReadOnly": True,
    }


def test_nfs_is_mounted_by_docker() -> None:
    one = pod(
        {"volumeMounts": [{"name": "n", "mountPath": "/n", "subPath": "x"}]},
        volumes=[{"name": "n", "nfs": {"server": "nas", "path": "/export/", "readOnly": True}}],
    )
    (volume,) = made(one).volumes
    assert volume.options == {"type": "nfs", "device": ":/export/x", "o": "addr=nas,nfsvers=4,ro"}


def test_a_tar_holds_parents_modes_and_groups() -> None:
    data = tarball([("v", 0o777, 7)], [("v/a/b", File(path="a/b", data=b"x", mode=0o640), 7)], 1000)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {t.name: (t.mode, t.gid, t.mtime) for t in tar}
    assert found == {"v": (0o777, 7, 1000), "v/a": (0o755, 7, 1000), "v/a/b": (0o640, 7, 1000)}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", ("nginx", "latest")),
        ("nginx:1.2", ("nginx", "1.2")),
        ("host:5000/a/b", ("host:5000/a/b", "latest")),
        ("host:5000/a/b:c", ("host:5000/a/b", "c")),
        ("a/b:c@sha256:00", ("a/b", "sha256:00")),
    ],
)
def test_references_are_split_as_the_engine_wants_them(image: str, expected: tuple[str, str]) -> None:
    assert split_reference(image) == expected


@pytest.mark.parametrize(
    ("image", "users"),
    [
        ("nginx", ["hub"]),
        ("ghcr.io/team/app:1", ["team", "ghcr"]),
        ("ghcr.io/teamwork/app:1", ["ghcr"]),
        ("a.example.com/x", ["glob"]),
        ("a.b.example.com/x", []),
        ("other.io/x", []),
    ],
)
def test_pull_secrets_are_chosen_as_kubernetes_does(image: str, users: list[str]) -> None:
    servers = {
        "https://index.docker.io/v1/": "hub",
        "ghcr.io": "ghcr",
        "ghcr.io/team": "team",
        "*.example.com": "glob",
    }
    auths = {server: {"username": name, "password": "p"} for server, name in servers.items()}
    pull = secret("pull", {".dockerconfigjson": json.dumps({"auths": auths})})
    one = pod(imagePullSecrets=[{"name": "pull"}, {"name": "gone"}])
    assert [login["username"] for login in logins(image, one, {pull.key: pull})] == users


@pytest.mark.parametrize(
    ("status", "later", "after", "same"),
    [
        ("Up 10 seconds", "Up 15 seconds", 5, True),
        ("Up 10 seconds", "Up 2 seconds", 5, False),
        ("Up 3 hours", "Up 3 hours", 60, True),
        ("Up 3 hours", "Up 5 minutes", 60, False),
        ("Up 10 seconds", "Up Less than a second", 0, False),
        ("Up 59 seconds", "Up About a minute", 2, True),
        ("Up 2 weeks", "Up 2 weeks", 86400, True),
    ],
)
def test_a_listing_tells_a_restarted_container_by_its_uptime(
    status: str, later: str, after: float, same: bool
) -> None:
    before = listed({"State": "running", "Status": status}, 100.0)
    assert before.still_holds({"State": "running", "Status": later}, 100.0 + after) is same


def test_a_listing_tells_another_state_or_exit_code() -> None:
    created = {"State": "created", "Status": "Created"}
    assert not listed(created, 0.0).still_holds(created, 9.0), "a failed start may have left its error"
    before = listed({"State": "exited", "Status": "Exited (0) 1 second ago"}, 0.0)
    assert before.still_holds({"State": "exited", "Status": "Exited (0) 3 hours ago"}, 9.0)
    assert not before.still_holds({"State": "exited", "Status": "Exited (1) 1 second ago"}, 9.0)


def test_restarts_are_counted_whoever_made_them() -> None:
    first = counted(1.0, 0, None)
    assert counted(1.0, 0, first) == first
    by_docker = counted(2.0, 3, first)
    assert by_docker.total == 3
    assert counted(9.0, 0, by_docker).total == 4
    assert counted(5.0, 0, Count(None, 0, 0)).total == 0


@pytest.mark.parametrize(
    ("architecture", "variant", "expected"),
    [("amd64", "", "amd64"), ("arm64", "v8", "arm64"), ("arm", "v7", "armhf"), ("arm", "v6", "armel")],
)
def test_debians_names_for_architectures(architecture: str, variant: str, expected: str) -> None:
    assert debian_architecture(architecture, variant) == expected
