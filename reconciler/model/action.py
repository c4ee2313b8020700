"""What can be done to a node. Each action is one effect, safe to repeat, and says why it is wanted."""

from __future__ import annotations

from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.observed import Ending, PodRecord
from reconciler.model.traffic import NodeTraffic


class Action(Value):
    """`because` is mandatory and completes the sentence "this happens because ...".

    `owner` is the workload that it is for, None for the node's own sake.
    """

    node: str
    because: str
    owner: Key | None

    verb = ""

    @property
    def subject(self) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}: {self.because}"


class PodAction(Action):
    """An action on one pod, named by namespace and name."""

    namespace: str
    pod: str

    @property
    def key(self) -> Key:
        return Key("Pod", self.namespace, self.pod)

    @property
    def subject(self) -> str:
        name = self.pod if self.namespace == "default" else f"{self.namespace}/{self.pod}"
        return f"{name}@{self.node}"


class PrepareNode(Action, tag=True):
    """Make the node's pod network (`pod_cidr`, its slice) and its node container, of our version."""

    pod_cidr: str

    verb = "prepare"

    @property
    def subject(self) -> str:
        return f"{self.node} (pods {self.pod_cidr})"


class Publish(Action, tag=True):
    """Tell the node's data plane what to do: `traffic` takes the place of all that it was told before."""

    traffic: NodeTraffic

    verb = "publish"

    @property
    def subject(self) -> str:
        return self.node


class StartPod(PodAction, tag=True):
    """Pull what is missing, create every container, start the first ones. Also completes a pod half made."""

    record: PodRecord

    verb = "start"


class StartContainers(PodAction, tag=True):
    """Start containers that exist but don't run: the next init container, main ones, one that was killed."""

    containers: tuple[str, ...]

    verb = "start"

    @property
    def subject(self) -> str:
        return f"{super().subject} [{', '.join(self.containers)}]"


class RestartContainer(PodAction, tag=True):
    """Stop one container with its grace period (seconds) and start it again: its liveness probe failed."""

    container: str
    grace: float

    verb = "restart"

    @property
    def subject(self) -> str:
        return f"{super().subject} [{self.container}]"


class RecordEnd(PodAction, tag=True):
    """Keep on the node, where no prune of Docker's takes it, how containers of the pod have ended."""

    ending: Ending

    verb = "record"


class RemoveImages(Action, tag=True):
    """Take these away, by name, where no container has come to need them meanwhile."""

    images: tuple[str, ...]

    verb = "remove"

    @property
    def subject(self) -> str:
        return f"{', '.join(self.images)} from {self.node}"


class StopPod(PodAction, tag=True):
    """preStop, SIGTERM, grace period (seconds), SIGKILL, remove all of its containers, volumes and records.

    Before that, up to `drain` seconds for what the proxies' connections to `ip` are answering.
    """

    grace: float
    ip: str = ""
    drain: float = 0.0

    verb = "stop"


AnyAction = (
    PrepareNode | Publish | StartPod | StartContainers | RestartContainer | RecordEnd | RemoveImages | StopPod
)
