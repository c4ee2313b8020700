"""A violation of a schema, in words: what was expected, what to do.

Every pattern of the models has its sentence here; a test sees to it.
"""

from __future__ import annotations

from typing import Any

from reconciler.model import names

TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}

PATTERNS: dict[str, tuple[str, str]] = {
    names.DNS_LABEL: (
        "a DNS label",
        "use lowercase letters, digits and '-', starting and ending with a letter or digit",
    ),
    names.DNS_SUBDOMAIN: (
        "a DNS name",
        "use lowercase letters, digits, '-' and '.', starting and ending with a letter or digit",
    ),
    names.QUALIFIED_NAME: (
        "a name such as app or example.com/app",
        "use letters, digits, '-', '_' and '.', at most 63, after an optional DNS name and '/'",
    ),
    names.LABEL_VALUE: (
        "a label value",
        "use letters, digits, '-', '_' and '.', at most 63, starting and ending with a letter or digit",
    ),
    names.CONFIG_KEY: ("a file name", "use letters, digits, '-', '_' and '.'; '/' is not allowed"),
    names.ENV_NAME: ("the name of an environment variable", "leave out '=' and control characters"),
    names.PORT_NAME: (
        "a port name",
        "use lowercase letters, digits and '-', at least one letter, at most 15 characters",
    ),
    names.ABSOLUTE_PATH: ("an absolute path", "start it with /"),
    names.IMAGE: ("an image", "write it as registry/name:tag, without spaces"),
    names.QUANTITY: ("a quantity", "write it as 500m, 0.5, 128Mi or 1Gi"),
    names.CAPABILITY: ("a capability", "write it as NET_ADMIN"),
    names.PERCENTAGE: ("a number or a percentage", "write it as 1 or 25%"),
    names.ANY_PERCENTAGE: ("a number or a percentage", "write it as 1 or 25%"),
    names.HEADER_NAME: ("the name of an HTTP header", "use letters, digits and '-'"),
    names.DURATION: ("a duration", "write it as 30s, 5m or 1h30m"),
    names.FLEET_NAME: ("a fleet's name", "use up to 40 lowercase letters, digits and '-'"),
    names.NODE_NAME: ("a node's name", "use up to 63 lowercase letters, digits, '-' and '.'"),
    names.POLICY_VERSION: ("a version of Kubernetes", "write it as latest or v1.34"),
    names.NODE_ADDRESS: ("a node's address", "write it as ssh://user@host:22 or unix:///run/docker.sock"),
}
"""pattern -> (what is expected, how to write it)."""


WAYS = {"a duration": PATTERNS[names.DURATION][1]}
"""What is expected -> how to write it, where a pattern can't say it: arguments may stand in it."""


def of_type(schema: dict[str, Any]) -> str:
    """What a schema asks for, in few words: `a string`, `one of Always, Never`."""
    if "pattern" in schema and schema["pattern"] in PATTERNS:
        return PATTERNS[schema["pattern"]][0]
    if schema.get("title") == "Duration":
        return "a duration"
    if "enum" in schema or "const" in schema:
        return choice(schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "object")
    return " or ".join(TYPES[k] for k in ([kind] if isinstance(kind, str) else kind))


def choice(values: list[Any]) -> str:
    """`one of Always, IfNotPresent, Never`; the empty string is written as what it is."""
    words = [str(value) if value != "" else '""' for value in values]
    return words[0] if len(words) == 1 else f"one of {', '.join(words)}"


def quote_it(value: object, expected: str) -> str:
    """The remedy for the commonest mistake: YAML read as a number or a boolean what is meant as text."""
    if expected == "a string" and isinstance(value, bool | int | float):
        return "quote it"
    if expected in ("an integer", "a number") and isinstance(value, str) and value.strip().isdigit():
        return "remove the quotes"
    if expected == "an integer" and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"write it as {int(value)}"
    if expected == "true or false" and isinstance(value, str):
        return "write true or false without quotes"
    if expected == "a list" and value is not None:
        return "put '- ' before each item"
    return ""
