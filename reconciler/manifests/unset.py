"""Fields written out as nothing: in Kubernetes `protocol: ""` and `periodSeconds: 0` are the default.

Source: core/v1 and apps/v1, SetDefaults_*, of fields that can't tell zero from absent. Asked only when a
manifest doesn't fit without it, so that nobody else pays for the look.
"""

from __future__ import annotations

from typing import Any

_EMPTY = frozenset(
    {
        "restartPolicy", "dnsPolicy", "imagePullPolicy", "terminationMessagePolicy", "protocol", "scheme",
        "sessionAffinity", "hostname", "subdomain", "nodeName",
    }
)  # fmt: skip
_ZERO = frozenset({"periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold"})
_PROBES = frozenset({"livenessProbe", "readinessProbe", "startupProbe"})
_OTHERS = frozenset(
    {"labels", "annotations", "matchLabels", "nodeSelector", "selector", "data", "stringData"}
)
"""Maps whose keys are people's own."""


def without_unset(value: Any, parent: str = "") -> Any:
    """The same where there is no such field."""
    if isinstance(value, list):
        return [without_unset(one, parent) for one in value]
    if not isinstance(value, dict) or parent in _OTHERS:
        return value
    return {key: without_unset(one, key) for key, one in value.items() if not _is_unset(key, one, parent)}


def _is_unset(key: str, one: Any, parent: str) -> bool:
    if one == "":
        of_type = key == "type" and parent in ("spec", "strategy")
        return key in _EMPTY or of_type or (key, parent) in (("operator", "tolerations"), ("name", "ports"))
    if key == "recursiveReadOnly":
        return bool(one == "Disabled")
    return parent in _PROBES and key in _ZERO and one == 0 and one is not False
