"""Rules about security contexts: combinations that Kubernetes refuses or that can't start."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import forms
from reconciler.manifests.said import Said
from reconciler.model.container import Container
from reconciler.model.pod import PodSpec
from reconciler.model.security import AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext


def check(container: Container, spec: PodSpec, path: Path) -> Iterator[Said]:
    """One container's context together with its pod's."""
    own, pod = container.security_context, spec.security_context
    at = (*path, "securityContext")
    user = own.run_as_user if own.run_as_user is not None else pod.run_as_user
    non_root = own.run_as_non_root if own.run_as_non_root is not None else pod.run_as_non_root
    if non_root and user == 0:
        message = "runAsNonRoot is true and runAsUser is 0, so the container would never start"
        yield Said(at, message, "set another user, or runAsNonRoot: false", rule="security")
    adds = {name.upper().removeprefix("CAP_") for name in own.capabilities.add}
    if own.allow_privilege_escalation is False and (own.privileged or "SYS_ADMIN" in adds):
        what = "privileged" if own.privileged else "the capability SYS_ADMIN"
        message = f"can't be false together with {what}"
        yield Said((*at, "allowPrivilegeEscalation"), message, "remove one of the two", rule="security")
    yield from profiles(own, at)


def sysctls(context: PodSecurityContext, path: Path) -> Iterator[Said]:
    seen: set[str] = set()
    for index, one in enumerate(context.sysctls):
        at = (*path, "sysctls", index)
        yield from forms.sysctl(one.name, one.value, at)
        name = one.name.replace("/", ".")
        if name in seen:
            yield Said((*at, "name"), f"{name} is set twice", "remove one", rule="duplicate")
        seen.add(name)


def profiles(context: SecurityContext | PodSecurityContext, path: Path) -> Iterator[Said]:
    """The profiles of a container's or a pod's context."""
    yield from _profile(context.seccomp_profile, (*path, "seccompProfile"))
    yield from _profile(context.app_armor_profile, (*path, "appArmorProfile"))
    if context.app_armor_profile and context.app_armor_profile.localhost_profile:
        name = context.app_armor_profile.localhost_profile
        yield from forms.profile(name, (*path, "appArmorProfile", "localhostProfile"))
    for field in ("user", "role", "type", "level") if context.se_linux_options else ():
        yield from forms.selinux(getattr(context.se_linux_options, field), (*path, "seLinuxOptions", field))


def _profile(profile: SeccompProfile | AppArmorProfile | None, path: Path) -> Iterator[Said]:
    """localhostProfile belongs to type Localhost, and to it alone."""
    if isinstance(profile, SeccompProfile) and profile.type == "Localhost":
        message = "Localhost isn't supported: Docker wants the profile itself, not its path on a node"
        yield Said((*path, "type"), message, "use RuntimeDefault or Unconfined", rule="unsupported")
        return
    if profile is None or (profile.type == "Localhost") == bool(profile.localhost_profile):
        return
    if profile.localhost_profile:
        message, remedy = f"isn't allowed with type {profile.type}", "remove it, or write type: Localhost"
    else:
        message, remedy = "is missing, expected the profile's name", "add it"
    yield Said((*path, "localhostProfile"), message, remedy, rule="security")
