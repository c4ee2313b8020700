"""Security contexts (core/v1 PodSecurityContext, SecurityContext)."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Model
from reconciler.model.names import Capability, Id


class Capabilities(Model):
    add: tuple[Capability, ...] = ()
    drop: tuple[Capability, ...] = ()


class SeccompProfile(Model):
    type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    localhost_profile: str = ""


class AppArmorProfile(Model):
    type: Literal["RuntimeDefault", "Unconfined", "Localhost"]
    localhost_profile: str = ""


class SELinuxOptions(Model):
    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


class Sysctl(Model):
    name: str
    value: str


class PodSecurityContext(Model):
    run_as_user: Id | None = None
    run_as_group: Id | None = None
    run_as_non_root: bool | None = None
    fs_group: Id | None = None
    fs_group_change_policy: Literal["OnRootMismatch", "Always"] = "Always"
    supplemental_groups: tuple[Id, ...] = ()
    supplemental_groups_policy: Literal["Merge", "Strict"] = "Merge"
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    se_linux_options: SELinuxOptions | None = None
    sysctls: tuple[Sysctl, ...] = ()


class SecurityContext(Model):
    run_as_user: Id | None = None
    run_as_group: Id | None = None
    run_as_non_root: bool | None = None
    privileged: bool = False
    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool = False
    capabilities: Capabilities = Capabilities()
    seccomp_profile: SeccompProfile | None = None
    app_armor_profile: AppArmorProfile | None = None
    se_linux_options: SELinuxOptions | None = None
    proc_mount: Literal["Default", "Unmasked"] = "Default"
