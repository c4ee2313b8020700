"""The logins that `docker login` left on the control machine, for fleets whose inventory allows their use.

They go to the node with the pull, as they do with `docker -H ssh://...`, and are kept nowhere. The docker
SDK reads them: it knows the configuration's forms and the credential stores' programs.
"""

from __future__ import annotations

import base64
import json

from reconciler.engine.pods.image import OPERATOR, registry_of
from reconciler.errors import ImageUnavailable
from reconciler.model.config import Secret
from reconciler.model.desired import Contents
from reconciler.model.meta import ObjectMeta
from reconciler.model.observed import PodRecord


def with_operator_login(contents: Contents, record: PodRecord) -> Contents:
    """The same, and this machine's logins for the registries of the pod's images, as a pull secret.

    Raises `ImageUnavailable` when a credential store can't be asked.
    """
    from docker import auth
    from docker.errors import DockerException

    entries: dict[str, dict[str, str]] = {}
    try:
        known = auth.load_config()
        for container in record.spec.every_container():
            registry = registry_of(container.image)
            found = known.resolve_authconfig(auth.resolve_index_name(registry)) or {}
            if found:
                entries[registry] = {key.lower(): value for key, value in found.items() if value}
    except DockerException as error:
        raise ImageUnavailable(
            f"this machine's registry logins can't be read: {error}",
            node=record.node,
            remedy="check `docker login` here, or turn spec.images.useOperatorLogin off",
        ) from error
    if not entries:
        return contents
    config = base64.b64encode(json.dumps({"auths": entries}).encode()).decode()
    secret = Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name=OPERATOR.name),
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": config},
    )
    return {**contents, OPERATOR: secret}
