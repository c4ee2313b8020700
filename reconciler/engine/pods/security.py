"""Security contexts as Docker's fields. Pure. A container's own setting wins over its pod's.

Without a seccompProfile Docker's default profile stays on (Kubernetes: Unconfined), and without capabilities
Docker's default set (the same as containerd's under Kubernetes).
"""

from __future__ import annotations

from typing import Any

from reconciler.engine.pods.unfit import Unfit
from reconciler.model.container import Container
from reconciler.model.security import AppArmorProfile, PodSecurityContext, SeccompProfile, SELinuxOptions


def host_config(container: Container, pod: PodSecurityContext) -> dict[str, Any]:
    """Privileges, capabilities, profiles, groups and the root file system."""
    mine = container.security_context
    groups = {*pod.supplemental_groups, *([] if pod.fs_group is None else [pod.fs_group])}
    body: dict[str, Any] = {
        "Privileged": mine.privileged,
        "ReadonlyRootfs": mine.read_only_root_filesystem,
        "CapAdd": [_capability(c) for c in mine.capabilities.add],
        "CapDrop": [_capability(c) for c in mine.capabilities.drop],
        "GroupAdd": [str(g) for g in sorted(groups)],
        "SecurityOpt": _options(container, pod),
    }
    if mine.proc_mount == "Unmasked":
        body |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return {k: v for k, v in body.items() if v or k in ("MaskedPaths", "ReadonlyPaths")}


def user(container: Container, pod: PodSecurityContext, image_user: str) -> str:
    """Docker's `User`: empty means the image's own. `image_user` is read only for a group without a user."""
    mine = container.security_context
    uid = pod.run_as_user if mine.run_as_user is None else mine.run_as_user
    gid = pod.run_as_group if mine.run_as_group is None else mine.run_as_group
    if gid is None:
        return "" if uid is None else str(uid)
    name = image_user.partition(":")[0] or "0" if uid is None else uid
    return f"{name}:{gid}"


def needs_image_user(container: Container, pod: PodSecurityContext) -> bool:
    """Whether the image must be asked for its user before the container can be made."""
    mine = container.security_context
    if (pod.run_as_user if mine.run_as_user is None else mine.run_as_user) is not None:
        return False
    return _must_not_be_root(container, pod) or (mine.run_as_group, pod.run_as_group) != (None, None)


def refuse_root(container: Container, pod: PodSecurityContext, image_user: str) -> None:
    """runAsNonRoot: raises `Unfit` when the program would run as root, or when that can't be known.

    Kubernetes: a user that is a name counts as unknown.
    """
    if not _must_not_be_root(container, pod):
        return
    name = user(container, pod, image_user).partition(":")[0] or image_user.partition(":")[0]
    if name in ("", "0", "root"):
        raise Unfit("runAsNonRoot is set and it would run as root; set runAsUser to another user's number")
    if not name.isdecimal():
        raise Unfit(f'runAsNonRoot is set and the image\'s user "{name}" is no number; set runAsUser')


def _must_not_be_root(container: Container, pod: PodSecurityContext) -> bool:
    mine = container.security_context.run_as_non_root
    return bool(pod.run_as_non_root if mine is None else mine)


def _capability(name: str) -> str:
    """Kubernetes writes NET_ADMIN, Docker takes CAP_NET_ADMIN too; ALL stays ALL."""
    plain = name.upper().removeprefix("CAP_")
    return plain if plain == "ALL" else f"CAP_{plain}"


def _options(container: Container, pod: PodSecurityContext) -> list[str]:
    mine = container.security_context
    options = ["no-new-privileges"] if mine.allow_privilege_escalation is False else []
    options += _seccomp(mine.seccomp_profile or pod.seccomp_profile)
    options += _apparmor(mine.app_armor_profile or pod.app_armor_profile)
    return options + _selinux(mine.se_linux_options or pod.se_linux_options)


def _seccomp(profile: SeccompProfile | None) -> list[str]:
    if profile is None or profile.type == "RuntimeDefault":
        return []
    if profile.type == "Unconfined":
        return ["seccomp=unconfined"]
    raise Unfit(
        "seccompProfile.type Localhost: Docker wants the profile itself, not a path on the node; "
        "use RuntimeDefault or Unconfined"
    )


def _apparmor(profile: AppArmorProfile | None) -> list[str]:
    if profile is None or profile.type == "RuntimeDefault":
        return []
    return [f"apparmor={'unconfined' if profile.type == 'Unconfined' else profile.localhost_profile}"]


def _selinux(options: SELinuxOptions | None) -> list[str]:
    if options is None:
        return []
    parts = {"user": options.user, "role": options.role, "type": options.type, "level": options.level}
    return [f"label={key}:{value}" for key, value in parts.items() if value]
