"""The body of POST /containers/create for one container of a pod. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.engine.pods import resources, security, volumes
from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.expand import expand_all
from reconciler.engine.pods.logs import log_config
from reconciler.engine.pods.namespaces import joined, own_namespaces
from reconciler.engine.pods.naming import container_labels, sandbox_name
from reconciler.engine.pods.unfit import Unfit
from reconciler.model.container import Container
from reconciler.model.labels import INIT_ANNOTATION, SANDBOX_NAME
from reconciler.model.observed import PodRecord, Role

Body = dict[str, Any]

_RESTARTS = {"Always": "always", "OnFailure": "on-failure", "Never": "no"}


def sandbox(record: PodRecord, place: Place, image: str, held: list[dict[str, Any]]) -> Body:
    """The container that holds the namespaces and, by the mounts `held`, the volumes; it stops at once when
    asked to.
    """
    content: Body = {
        "Image": image,
        "Labels": container_labels(place.fleet, record, SANDBOX_NAME, "sandbox"),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "RestartPolicy": {"Name": "always"},
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "CpuShares": 2,
            "Mounts": held,
        },
    }
    return merged(_logged(content, record, place), own_namespaces(record, place, shared=True))


def container(
    spec: Container,
    role: Role,
    record: PodRecord,
    place: Place,
    environment: Mapping[str, str],
    image_user: str,
) -> Body:
    """`image_user` is the image's own user where `security.needs_image_user`. Raises `Unfit`."""
    pod = record.spec.security_context
    if unknown := resources.unknown_resources(spec):
        raise Unfit(
            f"resources: Docker knows no {', '.join(unknown)}; it can give cpu, memory and {resources.GPU}"
        )
    security.refuse_root(spec, pod, image_user)
    mounted = volumes.mounts(spec, record, place, environment)
    content: Body = {
        "Image": spec.image,
        "Labels": container_labels(place.fleet, record, spec.name, role),
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": security.user(spec, pod, image_user),
        "WorkingDir": spec.working_dir,
        "OpenStdin": spec.stdin,
        "StdinOnce": spec.stdin_once,
        "Tty": spec.tty,
        "StopSignal": spec.lifecycle.stop_signal or "",
        "StopTimeout": record.spec.termination_grace_period_seconds,
        "Healthcheck": {"Test": ["NONE"]},  # Kubernetes ignores an image's HEALTHCHECK; ours are the probes
        "HostConfig": {
            "RestartPolicy": {"Name": _restart_policy(role, record)},
            "Mounts": list(mounted.mounts),
            "Binds": list(mounted.binds),
            **resources.limits(spec, record.spec, place.facts.memory),
            **security.host_config(spec, pod),
        },
    }
    content = _logged(content | _program(spec, environment), record, place)
    if record.annotations.get(INIT_ANNOTATION) == "true":
        content["HostConfig"]["Init"] = True
    if record.spec.runtime_class_name:
        content["HostConfig"]["Runtime"] = record.spec.runtime_class_name
    if not record.spec.needs_sandbox:
        return merged(content, own_namespaces(record, place, shared=False))
    return merged(content, joined(record, sandbox_name(place.fleet, record.namespace, record.name)))


def _logged(content: Body, record: PodRecord, place: Place) -> Body:
    found = log_config(place.logs, record.annotations, place.facts.log_driver)
    return merged(content, {"HostConfig": {"LogConfig": found}}) if found is not None else content


def merged(content: Body, more: Body) -> Body:
    """Both, their HostConfigs too."""
    host_config = {**content["HostConfig"], **more.get("HostConfig", {})}
    return {**content, **more, "HostConfig": host_config}


def _restart_policy(role: Role, record: PodRecord) -> str:
    """An init container that failed is started again by the plan, which knows whose turn it is."""
    if role == "init":
        return "no"
    return "always" if role == "sidecar" else _RESTARTS[record.spec.restart_policy]


def _program(spec: Container, environment: Mapping[str, str]) -> Body:
    """Kubernetes: a command replaces the image's entrypoint and its arguments, args only the arguments."""
    program: Body = {}
    if spec.command:
        program["Entrypoint"] = expand_all(spec.command, environment)
    if spec.args:
        program["Cmd"] = expand_all(spec.args, environment)
    return program
