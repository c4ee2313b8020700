"""What the ingress nodes serve."""

from __future__ import annotations

from typing import Any

from reconciler.model.config import Secret
from reconciler.model.meta import ObjectMeta
from reconciler.model.traffic import Challenge, IngressTraffic
from tests.decide.builders import deployment, desired, ingress, rollout, service
from tests.decide.network.worlds import networked, routed, running, step_texts, told
from tests.laws.world import World

OF = networked("pi-1", "pi-2")
PORTS = ({"port": 80, "name": "http"}, {"port": 81, "name": "admin"})


def rule(host: str, *paths: tuple[str, str, str | int]) -> dict[str, Any]:
    """(type, path, port) each, to the service web."""
    listed = [
        {
            "pathType": kind,
            "path": path,
            "backend": {
                "service": {"name": "web", "port": {"name" if isinstance(port, str) else "number": port}}
            },
        }
        for kind, path, port in paths
    ]
    return ({"host": host} if host else {}) | {"http": {"paths": listed}}


def secret(name: str = "tls", key: str = "secret key", **more: str) -> Secret:
    data = {"tls.crt": "certificate", "tls.key": key} | more
    meta = ObjectMeta(name=name, namespace="default")
    return Secret(api_version="v1", kind="Secret", metadata=meta, string_data=data)


def served(world: World, node: str = "pi-1") -> IngressTraffic:
    found = told(world, node).ingress
    assert found is not None
    return found


def world_of(*ingresses: Any, **more: Any) -> World:
    return running(
        deployment(replicas=1), **({"of": OF} | more), services=(service("web", *PORTS),), ingresses=ingresses
    )


def test_routes_in_the_order_in_which_they_are_tried() -> None:
    rules = [
        rule("", ("Prefix", "/any", 80)),
        rule("*.example", ("Prefix", "/", "http")),
        rule("*.deep.example", ("Prefix", "/", "http")),
        rule(
            "shop.example",
            ("Prefix", "/", 80),
            ("ImplementationSpecific", "/long/er/", 80),
            ("Exact", "/x", "admin"),
        ),
    ]
    default = {"service": {"name": "web", "port": {"number": 81}}}
    found = served(world_of(ingress(rules=rules, defaultBackend=default)))
    assert [(r.host, r.path, r.exact, r.port) for r in found.routes] == [
        ("shop.example", "/x", True, 81),
        ("shop.example", "/long/er", False, 80),
        ("shop.example", "/", False, 80),
        ("*.deep.example", "/", False, 80),
        ("*.example", "/", False, 80),
        ("", "/any", False, 80),
        ("", "", False, 81),
    ]
    assert found.routes[0].ingress == "default/web"


def test_only_labelled_nodes_serve_if_there_is_one() -> None:
    of = networked("pi-1", {"name": "pi-2", "labels": {"reconciler.io/ingress": "true"}})
    door = ingress(rules=[rule("a.example", ("Prefix", "/", 80))])
    world = world_of(door, of=of)
    assert told(world).ingress is None
    assert served(world, "pi-2").routes
    everywhere = world_of(door)
    assert served(everywhere, "pi-1") == served(everywhere, "pi-2")


def test_without_an_ingress_nothing_listens() -> None:
    assert told(world_of()).ingress is None


def test_a_challenge_alone_opens_the_door() -> None:
    asked = Challenge(token="t", answer="t.a")
    world = world_of(challenges=(asked,))
    assert served(world).challenges == (asked,)
    world.commit(desired(deployment(replicas=1), of=OF, services=(service("web", *PORTS),)))
    assert step_texts(world)[0] == "#1 publish pi-1: ingress: not on this node any more"


def test_what_leads_nowhere_is_left_out_and_said() -> None:
    lost = {"service": {"name": "lost", "port": {"number": 80}}}
    door = ingress(rules=[rule("a.example", ("Prefix", "/", 99))], defaultBackend=lost)
    world = world_of(door)
    assert served(world).routes == ()
    assert world.plan.notes == (
        (
            'Ingress default/web: a.example/ leads to port "99", which Service default/web doesn\'t have; '
            "it isn't served"
        ),
        "Ingress default/web: * leads to Service default/lost, which isn't there; it isn't served",
    )


def test_tls_redirects_where_there_is_a_certificate_and_its_key_is_in_no_plan() -> None:
    rules = [rule("a.example", ("Prefix", "/", 80)), rule("b.example", ("Prefix", "/", 80))]
    tls = [{"hosts": ["a.example"], "secretName": "tls"}, {"hosts": ["b.example"], "secretName": "none"}]
    world = world_of(ingress(rules=rules, tls=tls), contents=(secret(),))
    assert {r.host: r.redirect for r in served(world).routes} == {"a.example": True, "b.example": False}
    (certificate,) = served(world).certificates
    assert (certificate.secret, certificate.hosts) == ("tls", ("a.example",))
    (note,) = world.plan.notes
    assert note == (
        "Ingress default/web: Secret default/none isn't there; its hosts are served over plain HTTP"
    )
    assert "secret key" not in repr(told(world))


def test_a_renewed_certificate_is_told() -> None:
    door = ingress(rules=[rule("a.example", ("Prefix", "/", 80))], tls=[{"secretName": "tls"}])
    world = world_of(door, contents=(secret(),))
    assert served(world).certificates[0].hosts == ("a.example",), "of the rules, if it names none itself"
    services = (service("web", *PORTS),)
    wanted = desired(
        deployment(replicas=1), of=OF, services=services, ingresses=(door,), contents=(secret(key="2"),)
    )
    world.commit(wanted)
    assert step_texts(world)[0] == "#1 publish pi-1: certificates: renewed"
    empty = (secret(**{"tls.key": ""}),)
    world.commit(desired(deployment(replicas=1), of=OF, services=services, ingresses=(door,), contents=empty))
    assert step_texts(world)[0] == "#1 publish pi-1: certificates: -default/tls; ingress: settings"
    assert "has no tls.crt and tls.key" in str(world.plan)


def test_a_wildcard_certificate_covers_one_label() -> None:
    rules = [rule("a.example", ("Prefix", "/", 80)), rule("a.b.example", ("Prefix", "/", 80))]
    tls = [{"hosts": ["*.example"], "secretName": "tls"}]
    world = world_of(ingress(rules=rules, tls=tls), contents=(secret(),))
    assert {r.host: r.redirect for r in served(world).routes} == {"a.example": True, "a.b.example": False}


def test_a_headless_service_is_balanced_for_its_ingress() -> None:
    door = ingress(rules=[rule("a.example", ("Prefix", "/", 80))])
    world = running(deployment(replicas=2), of=OF, services=(service(clusterIP="None"),), ingresses=(door,))
    (only,) = told(world).services
    assert only.ip == ""
    assert len(only.ports[0].endpoints) == 2


def test_in_front_of_a_stable_service_its_affinity_holds_for_both_versions() -> None:
    door = ingress(rules=[rule("a.example", ("Prefix", "/", 80))])
    canary = {"canary": {"stableService": "web", "canaryService": "new", "trafficRouting": {}}}
    services = (
        service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}}),
        service("new", selector={"app": "web"}),
    )
    world = running(rollout(canary), of=OF, services=services, ingresses=(door,))
    assert routed(world, "web:split").affinity_seconds == 60
