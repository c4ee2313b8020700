"""The labels on every Docker object that we make. From these alone the observed state is rebuilt.

Only an object whose FLEET label names our fleet is ever touched.
"""

FLEET = "reconciler.io/fleet"
NAMESPACE = "reconciler.io/namespace"
POD = "reconciler.io/pod"
CONTAINER = "reconciler.io/container"
"""The container's name in its pod; `SANDBOX_NAME` for the sandbox."""
ROLE = "reconciler.io/role"
"""sandbox, init, sidecar or main."""
OWNER = "reconciler.io/owner"
"""The object that wants the pod, as `Kind/name`, in the pod's namespace."""
TEMPLATE_HASH = "reconciler.io/template-hash"
REVISION = "reconciler.io/revision"
"""The commit (or directory state) that the pod was made from."""
SPEC = "reconciler.io/spec"
"""The pod as JSON (`model.observed.PodRecord`). Secrets appear as references, never as values."""
STOP = "reconciler.io/stop"
"""On a volume that marks a stop under way: when it began (epoch seconds), and the start of what it stops."""
POD_CIDR = "reconciler.io/pod-cidr"
"""On the node's pod network: this node's slice of the fleet's range."""

SANDBOX_NAME = "sandbox"

INIT_ANNOTATION = "reconciler.io/init"
"""On a pod: `"true"` puts Docker's init in front of each program as PID 1."""
INGRESS_NODE = "reconciler.io/ingress"
"""On a node in nodes.yaml: `"true"` where Ingresses are served. None is labelled: on all nodes."""
PROXY_PROTOCOL_ANNOTATION = "reconciler.io/proxy-protocol"
"""On a Service: `v1` or `v2`, the form in which its pods are told the client's address."""
STRATEGY_ANNOTATION = "reconciler.io/strategy"
"""On a Deployment: a Rollout's `strategy`, as YAML; it then takes the place of the Deployment's own."""
DRAIN_ANNOTATION = "reconciler.io/drain-seconds"
"""On a pod: how long its stop waits for what it is still answering, before preStop."""
LOG_DRIVER = "reconciler.io/log-driver"
"""On a pod: `json-file` or `local`, whatever the fleet and the node have."""
LOG_MAX_SIZE = "reconciler.io/log-max-size"
"""On a pod: how large a file of its logs becomes, such as 50Mi."""
LOG_MAX_FILES = "reconciler.io/log-max-files"
"""On a pod: how many of them are kept of each container."""

DOMAIN = "reconciler.io/"
ANNOTATIONS = (
    INIT_ANNOTATION,
    PROXY_PROTOCOL_ANNOTATION,
    STRATEGY_ANNOTATION,
    DRAIN_ANNOTATION,
    LOG_DRIVER,
    LOG_MAX_SIZE,
    LOG_MAX_FILES,
)
"""Those that people write."""
