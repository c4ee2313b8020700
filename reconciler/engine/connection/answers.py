"""What an Engine answers, as far as anybody here reads it, in bounded types: a node's words are data.

Anything else in an answer is left out. TypedDicts, so that they read as the Engine API's documentation does.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from msgspec import Meta

Word = Annotated[str, Meta(max_length=1024)]
Id = Annotated[str, Meta(min_length=1, max_length=256)]
Text = Annotated[str, Meta(max_length=1 << 16)]
Labels = dict[str, str]
Count = Annotated[int, Meta(ge=0, le=1 << 31)]
Bytes = Annotated[int, Meta(ge=0, le=1 << 62)]


class Made(TypedDict):
    """What was created, or started to be."""

    Id: Id


class Mounted(TypedDict):
    """One mount of a container; a bind has no name."""

    Name: NotRequired[Text]


class Summary(TypedDict):
    """A container in a listing."""

    Id: Id
    State: Word
    Labels: Labels
    Names: NotRequired[list[Word] | None]
    Status: NotRequired[Word]
    Image: NotRequired[Text]
    ImageID: NotRequired[Text]
    Created: NotRequired[Annotated[int, Meta(ge=0, le=1 << 40)]]
    Mounts: NotRequired[list[Mounted] | None]


class RunState(TypedDict):
    """An inspected container's state. Times in RFC 3339."""

    Status: Word
    Running: bool
    StartedAt: Word
    FinishedAt: Word
    ExitCode: NotRequired[Annotated[int, Meta(ge=-(1 << 31), le=1 << 32)]]
    OOMKilled: NotRequired[bool]
    Error: NotRequired[Text]


class Config(TypedDict):
    Image: NotRequired[Text]
    Labels: NotRequired[Labels | None]


class Inspected(TypedDict):
    """One container, inspected."""

    Id: Id
    Name: Word
    State: RunState
    Config: Config
    Image: NotRequired[Word]
    Created: NotRequired[Word]
    RestartCount: NotRequired[Count]


class Volume(TypedDict):
    Name: Id
    Labels: NotRequired[Labels | None]
    Mountpoint: NotRequired[Text]


class Volumes(TypedDict):
    Volumes: NotRequired[list[msgspec.Raw] | None]
    Warnings: NotRequired[list[msgspec.Raw] | None]


class Actor(TypedDict):
    ID: Id


class Event(TypedDict):
    Actor: Actor


class ExecState(TypedDict):
    Running: bool
    ExitCode: NotRequired[int | None]


class Waited(TypedDict):
    """How a container ended that was waited for."""

    StatusCode: Annotated[int, Meta(ge=-(1 << 31), le=1 << 32)]


class Progress(TypedDict):
    """One line about a pull or a load."""

    error: NotRequired[Text]


class Info(TypedDict):
    """GET /info. The flags are what the kernel can limit."""

    NCPU: NotRequired[Annotated[int, Meta(ge=0, le=1 << 20)]]
    MemTotal: NotRequired[Bytes]
    Architecture: NotRequired[Word]
    OSType: NotRequired[Word]
    Name: NotRequired[Word]
    KernelVersion: NotRequired[Word]
    OperatingSystem: NotRequired[Word]
    ServerVersion: NotRequired[Word]
    SystemTime: NotRequired[Word]
    CgroupVersion: NotRequired[Word]
    LoggingDriver: NotRequired[Word]
    DockerRootDir: NotRequired[Text]
    Warnings: NotRequired[Annotated[list[Text], Meta(max_length=256)] | None]
    MemoryLimit: NotRequired[bool]
    CpuCfsQuota: NotRequired[bool]
    CPUShares: NotRequired[bool]
    PidsLimit: NotRequired[bool]


class Network(TypedDict):
    Id: Id
    Name: Word
    Labels: NotRequired[Labels | None]


UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
"""What decoding somebody's JSON raises; nested too deeply, it recurses."""


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Made once for each type, which costs more than to use it."""
    return _decoder(kind)


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def complaint(error: BaseException) -> str:
    """Where it isn't what it should be, in one short line; never a value."""
    text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return text if len(text) <= 200 else f"{text[:197]}..."
