"""A pod's life on a real Engine: made, completed after a crash, seen, restarted, stopped, and nothing
left.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler import errors
from reconciler.engine.pods import naming
from reconciler.model.observed import PodRecord
from tests.engine.pods import FLEET, WAIT, OnNode, app, pod, secret

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("nothing_left")]


def states(node: OnNode, one: PodRecord) -> list[tuple[str, str]]:
    return [(c.name, c.state) for c in node.state(one).containers]


def test_one_container_needs_no_sandbox(node: OnNode) -> None:
    one = pod(node, "single")
    with node.running(one) as state:
        assert [(c.name, c.role) for c in state.containers] == [("app", "main")]
        assert state.record == one
        assert state.ready


def test_several_containers_share_network_ipc_and_volumes(node: OnNode) -> None:
    mount = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    one = pod(
        node,
        "shared",
        app(node, "httpd -f -p 8080 -h /www & " + WAIT, **mount),
        app(node, name="side", **mount),
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    with node.running(one) as state:
        assert [c.role for c in state.containers] == ["sandbox", "main", "main"]
        node.until(lambda: node.sh(one, "wget -qO- http://127.0.0.1:8080/", "side") == "v1")
        node.sh(one, "echo hello > /d/x")
        assert node.sh(one, "cat /d/x; hostname", "side") == "hello\nshared"
        assert node.sh(one, "readlink /proc/self/ns/ipc") == node.sh(
            one, "readlink /proc/self/ns/ipc", "side"
        )
        assert "side" not in node.sh(one, "ps")


def test_a_shared_process_namespace_shows_the_others(node: OnNode) -> None:
    one = pod(node, "procs", app(node), app(node, "sleep 4242", name="other"), shareProcessNamespace=True)
    with node.running(one):
        node.until(lambda: "sleep 4242" in node.sh(one, "ps"))  # it is runc's at first


def test_init_containers_run_in_order_with_sidecars_before_the_rest(node: OnNode) -> None:
    mount = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    inits = [
        app(node, "echo 1 >> /d/log", name="first", **mount),
        app(node, name="side", restartPolicy="Always", **mount),
        app(node, "echo 2 >> /d/log", name="second", **mount),
    ]
    one = pod(
        node, "inits", app(node, **mount), initContainers=inits, volumes=[{"name": "d", "emptyDir": {}}]
    )
    with node.running(one):
        node.until(lambda: ("first", "exited") in states(node, one))
        assert node.state(one).reason == "Init:1/3"
        assert states(node, one)[2:] == [("side", "created"), ("second", "created"), ("app", "created")]
        node.start_containers(one, "side", "second")
        node.until(lambda: ("second", "exited") in states(node, one))
        assert node.state(one).reason == "PodInitializing"
        node.start_containers(one, "app")
        assert node.state(one).phase == "Running"
        assert node.sh(one, "cat /d/log") == "1\n2"


def test_a_failed_init_container_says_so(node: OnNode) -> None:
    one = pod(node, "badinit", initContainers=[app(node, "exit 3", name="init")], restartPolicy="Never")
    with node.running(one):
        node.until(lambda: node.state(one).phase == "Failed")
        assert node.state(one).reason == "Init:Error"
        assert "code 3" in node.state(one).message


@pytest.mark.parametrize(
    ("policy", "script", "phase", "reason"),
    [
        ("Never", "exit 0", "Succeeded", "Completed"),
        ("Never", "exit 7", "Failed", "Error"),
        ("OnFailure", "exit 0", "Succeeded", "Completed"),
        ("OnFailure", "exit 7", "Running", "CrashLoopBackOff"),
        ("Always", "exit 0", "Running", "CrashLoopBackOff"),
    ],
)
def test_restart_policies(node: OnNode, policy: str, script: str, phase: str, reason: str) -> None:
    one = pod(node, f"{policy.lower()}-{script[-1]}", app(node, script), restartPolicy=policy)
    with node.running(one):
        node.until(lambda: (node.state(one).phase, node.state(one).reason) == (phase, reason))
        if phase == "Running":
            node.until(lambda: node.state(one).restarts >= 2)


def test_a_container_over_its_memory_limit_is_oom_killed(node: OnNode) -> None:
    hog = app(
        node, "x=$(head -c 100m /dev/zero | tr '\\0' x); echo $x", resources={"limits": {"memory": "16Mi"}}
    )
    one = pod(node, "hog", hog, restartPolicy="Never")
    with node.running(one):
        node.until(lambda: node.state(one).phase == "Failed")

        def reason() -> str:
            node.cache.clear()  # as an event would: the Engine may learn why it ended after that it did
            return node.state(one).reason

        node.until(lambda: reason() == "OOMKilled")


@pytest.mark.parametrize(
    ("container", "reason", "words"),
    [
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "no"}}}]},
            "CreateContainerConfigError",
            'Secret "login" has no key "no"',
        ),
        (
            {"envFrom": [{"configMapRef": {"name": "gone"}}]},
            "CreateContainerConfigError",
            'ConfigMap "gone" not found',
        ),
        ({"securityContext": {"runAsNonRoot": True}}, "CreateContainerConfigError", "would run as root"),
        ({"image": "REGISTRY/nothing:1"}, "ErrImagePull", "nothing:1"),
        (
            {"image": "REGISTRY/nothing:1", "imagePullPolicy": "Never"},
            "ErrImageNeverPull",
            "imagePullPolicy is Never",
        ),
        ({"command": ["/no/such/program"]}, "RunContainerError", "no such file or directory"),
    ],
)
def test_what_cannot_be_is_said_with_pod_and_container(
    node: OnNode, container: dict[str, Any], reason: str, words: str
) -> None:
    changed = {
        k: v.replace("REGISTRY", node.lab.registry) if k == "image" else v for k, v in container.items()
    }
    one = pod(node, "wrong", {**app(node), **changed})
    with (
        pytest.raises(errors.EngineError) as caught,
        node.running(one, [secret("login", {"user": "ada"})]),
    ):
        pass
    assert caught.value.reason == reason
    assert words in str(caught.value)
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("kind", ["Directory", "File", "Socket", "CharDevice", "BlockDevice"])
def test_a_host_path_of_the_wrong_type_is_refused(node: OnNode, kind: str) -> None:
    path = "/etc/passwd" if kind == "Directory" else "/etc"
    mount = {"volumeMounts": [{"name": "h", "mountPath": "/h"}]}
    one = pod(
        node,
        "hostpath",
        app(node, **mount),
        volumes=[{"name": "h", "hostPath": {"path": path, "type": kind}}],
    )
    with pytest.raises(errors.VolumeFailed, match=f"hostPath {path} is not a "), node.running(one):
        pass


def test_a_foreign_container_of_that_name_is_left_alone(node: OnNode) -> None:
    one = pod(node, "taken")
    name = naming.container_name(FLEET, "default", "taken", "app")
    foreign = node.docker("create", "--name", name, node.image).strip()
    try:
        with pytest.raises(errors.Conflict, match="isn't this fleet's"):
            node.start(one)
        node.stop(one)
        assert node.docker("ps", "-aq", "--no-trunc", "--filter", f"name={name}").strip() == foreign
    finally:
        node.docker("rm", "-f", foreign)


def test_an_older_version_under_the_same_name_is_not_mistaken_for_this_one(node: OnNode) -> None:
    old = pod(node, "same")
    new = msgspec.structs.replace(old, template_hash="other")
    with node.running(old), pytest.raises(errors.Conflict, match="older version"):
        node.start(new)


def test_labels_that_cannot_be_read_still_make_a_pod(node: OnNode) -> None:
    labels = naming.container_labels(FLEET, pod(node, "odd"), "app", "main") | {"reconciler.io/spec": "{"}
    words = [w for k, v in labels.items() for w in ("--label", f"{k}={v}")]
    node.docker("create", "--name", "odd", *words, node.image)
    found = next(p for p in node.pods() if p.record.name == "odd")
    assert (found.record.owner.kind, found.record.owner.name) == ("Deployment", "web")
    assert [c.state for c in found.containers] == ["created"]
    node.stop(found.record)


def test_a_pod_knows_the_node_that_it_is_on_whatever_its_label_says(node: OnNode) -> None:
    one = msgspec.structs.replace(pod(node, "moved"), node="elsewhere")
    with node.running(one) as state:
        assert state.node == node.node


def test_an_unchanged_listing_gives_the_same_objects(node: OnNode) -> None:
    one = pod(node, "calm")
    with node.running(one):
        first = node.pods()
        assert node.pods() is first
