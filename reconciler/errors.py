"""Every expected failure, as one tree.

    ReconcilerError
    |- UsageError            the command line or an option is wrong
    |- InventoryError        nodes.yaml is wrong
    |- ManifestError         manifests are wrong; carries every finding
    |- SourceError           a source can't be read (a repository, a directory)
    |  `- RevertError        a commit can't be taken back as its branch stands
    |- FleetLocked           another reconciler runs this fleet
    |- NotConverged          the revision did not converge: failed, blocked, or out of time
    |- LabError              the lab can't do that
    |- CertificateError      a certificate can't be had from the ACME server
    |- MeasurementError      a measurement can't be made: the server, its answer, a Secret that isn't there
    `- NodeError             carries the node's name
       |- NotUnderstood      what it says made us fail: a bug, or this machine's own trouble
       |- NodeUnreachable    no connection, or it broke: a state of the node, never a crash of the loop
       |  |- HostKeyRefused  the host key is unknown or has changed
       |  `- LoginRefused    sshd or the Docker socket doesn't let us in
       `- EngineError        the Docker Engine refused a call
          |- CallTimeout         no answer in time to one call, while the Engine answers others
          |- NotFound            no such container, volume or network
          |- ImageUnavailable    it doesn't exist, no right to pull it, the registry is down
          |  `- ImageNeverPulled   it isn't there and imagePullPolicy is Never
          |- AnswerUnreadable    what it answers isn't what an Engine says
          |- DiskFull            no space left on the node
          |- PortTaken           a host port is in use by something else
          |- Conflict            the name is taken or a removal is under way: look again, then retry
          |- NetworkClash        the pod network can't be made beside what is there
          `- ContainerFailed     it can't be created or started: no such program, a bad mount, ...
             |- ContainerConfigInvalid   its spec can't be carried out: a missing key, runAsNonRoot, ...
             |- CommandTimeout           a command in it didn't end in time: a hook's, a probe's
             |- VolumeFailed             a volume can't be made or isn't what it should be
             |- StartFailed              created, but its program doesn't start
             `- HookFailed               postStart failed: the container was killed

An error says where it happened, what was found and expected, and what to do about it. None
carries a secret's value. A bug is any exception that isn't in this tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.printable import MOST, one_line, printable, printable_lines

if TYPE_CHECKING:
    from reconciler.model.finding import Finding


_NEXT_LINE = re.compile(r"\n(?! )")


class ReconcilerError(Exception):
    """An expected failure. `where` names the object, `remedy` says what to do; both may be empty."""

    reason = "Error"
    """A CamelCase word for events and statuses, as Kubernetes' reasons are."""
    most = MOST
    """Characters of a message: much of it others said, and it goes into the record and into answers."""

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.remedy = (_told(text, self.most) for text in (message, remedy))
        self.where = printable(where)

    @property
    def line(self) -> str:
        """The message and what to do, without where: for those who know what it is about."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message

    def __str__(self) -> str:
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  {self.remedy}" if self.remedy else head


def _told(text: str, most: int) -> str:
    """A line that others wrote can't pass for one of ours: all but the first stand under it."""
    return _NEXT_LINE.sub("\n  ", printable_lines(text, most))


class UsageError(ReconcilerError):
    reason = "Usage"


class InventoryError(ReconcilerError):
    reason = "InvalidInventory"


class ManifestError(ReconcilerError):
    """Manifests are wrong. `findings` holds every error of every file, in order."""

    reason = "InvalidManifest"
    most = 16 * MOST

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("")
        self.message = printable_lines("\n".join(str(f) for f in findings), self.most)
        self.findings = tuple(findings)


class SourceError(ReconcilerError):
    reason = "SourceUnreadable"


class RevertError(SourceError):
    """A commit can't be taken back as long as its branch stays as it is."""

    reason = "RevertFailed"


class FleetLocked(ReconcilerError):
    reason = "FleetLocked"


class NotConverged(ReconcilerError):
    reason = "NotConverged"
    most = 16 * MOST


class LabError(ReconcilerError):
    reason = "Lab"


class CertificateError(ReconcilerError):
    reason = "CertificateFailed"


class MeasurementError(ReconcilerError):
    """A measurement of an analysis can't be made, this time."""

    reason = "MeasurementFailed"


class NodeError(ReconcilerError):
    """A failure on one node."""

    reason = "NodeError"

    def __init__(self, message: str, *, node: str, where: str = "", remedy: str = "") -> None:
        super().__init__(one_line(message), where=where or f"node {node}", remedy=remedy)
        self.node = node


class NodeUnreachable(NodeError):
    reason = "NodeUnreachable"


class NotUnderstood(NodeError):
    reason = "NotUnderstood"


class HostKeyRefused(NodeUnreachable):
    reason = "HostKeyRefused"


class LoginRefused(NodeUnreachable):
    reason = "LoginRefused"


class EngineError(NodeError):
    reason = "EngineError"


class CallTimeout(EngineError):
    """What the call is about is slow (a container, a registry, a disk), not the node."""

    reason = "CallTimeout"


class ImageUnavailable(EngineError):
    reason = "ErrImagePull"


class AnswerUnreadable(EngineError):
    reason = "EngineAnswerUnreadable"


class DiskFull(EngineError):
    reason = "DiskFull"


class PortTaken(EngineError):
    reason = "PortTaken"


class Conflict(EngineError):
    reason = "Conflict"


class ContainerFailed(EngineError):
    reason = "CreateContainerError"


class ContainerConfigInvalid(ContainerFailed):
    reason = "CreateContainerConfigError"


class CommandTimeout(ContainerFailed):
    reason = "CommandTimeout"


class VolumeFailed(ContainerFailed):
    reason = "FailedMount"


class StartFailed(ContainerFailed):
    reason = "RunContainerError"


class HookFailed(ContainerFailed):
    reason = "FailedPostStartHook"


class NotFound(EngineError):
    reason = "NotFound"


class ImageNeverPulled(ImageUnavailable):
    reason = "ErrImageNeverPull"


class NetworkClash(EngineError):
    reason = "NetworkClash"
