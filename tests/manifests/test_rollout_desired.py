"""What a revision with Rollouts and analyses wants."""

from __future__ import annotations

from pathlib import Path

from reconciler.manifests.desired import DigestCache, desired
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.revision import Revision
from reconciler.model.rollout import Rollout
from tests.decide.builders import fleet
from tests.manifests.build import deployment, rollout, service, template

WEB = Key("Rollout", "default", "web")
SOURCE = Key("Deployment", "default", "source")
REF = "workloadRef: {name: source}"
PINNED = """
selector: {app: web, rollouts-pod-template-hash: 5d4b8c7f9}
ports: [{port: 80}]
"""


class Daemon:
    """Reads a folder again and again, as the daemon does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files, self.digests = LoadCache(), DigestCache()

    def wants(self, *texts: str) -> Desired:
        for number, text in enumerate(texts):
            (self.folder / f"{number}.yaml").write_text(text)
        loaded = load_tree(self.folder, cache=self.files)
        return desired(fleet("a"), Revision(id="1"), loaded.objects, cache=self.digests)


def taking_over(spec: str = "") -> str:
    return rollout(template=False, spec=f"{REF}\n{spec}")


def test_a_rollout_has_the_template_and_the_selector_of_its_deployment(tmp_path: Path) -> None:
    wanted = Daemon(tmp_path).wants(taking_over(), deployment(name="source"))
    item, source = wanted.workloads[WEB], wanted.workloads[SOURCE]
    assert isinstance(item, Rollout)
    assert item.spec.workload_ref is not None
    assert item.spec.template == source.spec.template  # type: ignore[union-attr]
    assert item.spec.selector == source.spec.selector  # type: ignore[union-attr]
    assert wanted.hashes[WEB] != wanted.hashes[SOURCE], "ReplicaSets of one name are named after them"


def test_a_selector_of_its_own_stays(tmp_path: Path) -> None:
    own = "selector: {matchExpressions: [{key: app, operator: Exists}]}"
    item = Daemon(tmp_path).wants(taking_over(own), deployment(name="source")).workloads[WEB]
    assert isinstance(item, Rollout)
    assert item.spec.selector.match_labels == {}
    assert item.spec.selector.match_expressions[0].key == "app"


def test_another_template_of_the_deployment_is_another_version_of_the_rollout(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    before = daemon.wants(taking_over(), deployment(name="source"))
    after = daemon.wants(taking_over(), deployment(name="source").replace("1.29", "1.30"))
    assert before.hashes[WEB] != after.hashes[WEB]


def test_what_didnt_change_is_the_identical_object(tmp_path: Path) -> None:
    """Also when it is put together from two files: a pass skips what it knows by identity."""
    daemon = Daemon(tmp_path)
    texts = (taking_over(), deployment(name="source"))
    first = daemon.wants(*texts, "# one")
    second = daemon.wants(*texts, "# two")
    assert first.workloads[WEB] is second.workloads[WEB]
    third = daemon.wants(taking_over("replicas: 3"), texts[1])
    assert third.workloads[WEB] is not first.workloads[WEB]


def test_a_rollout_without_its_deployment_wants_nothing(tmp_path: Path) -> None:
    """Never a pod without containers."""
    assert WEB not in Daemon(tmp_path).wants(taking_over()).workloads


def test_templates_and_runs_are_kept_by_key(tmp_path: Path) -> None:
    wanted = Daemon(tmp_path).wants(
        template(), template(kind="ClusterAnalysisTemplate"), template(kind="AnalysisRun", name="run")
    )
    assert list(wanted.templates) == [
        Key("AnalysisTemplate", "default", "good"),
        Key("ClusterAnalysisTemplate", "", "good"),
    ]
    assert list(wanted.runs) == [Key("AnalysisRun", "default", "run")]
    assert wanted.workloads == {}


def test_the_strategy_alone_makes_no_other_version(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    before = daemon.wants(rollout())
    after = daemon.wants(rollout("{canary: {steps: [{pause: {}}]}}"))
    assert before.hashes[WEB] == after.hashes[WEB]
    assert before.workloads[WEB] != after.workloads[WEB]


def test_a_service_that_is_moved_selects_every_version(tmp_path: Path) -> None:
    """Manifests that come from a cluster have a version's hash in the selector: nobody has it any more."""
    colours = "{blueGreen: {activeService: front}}"
    front, other = service(PINNED, name="front"), service(PINNED, name="other")
    daemon = Daemon(tmp_path)
    first = daemon.wants(rollout(colours), front, other)
    selectors = {key.name: found.spec.selector or {} for key, found in first.services.items()}
    assert selectors["front"] == {"app": "web"}
    assert "rollouts-pod-template-hash" in selectors["other"], "somebody chose it"
    second = daemon.wants(rollout(colours + " # again"), front, other)
    key = Key("Service", "default", "front")
    assert first.services[key] is second.services[key]


def test_so_does_one_that_an_annotated_deployment_moves(tmp_path: Path) -> None:
    strategy = "canary: {canaryService: front, stableService: back}"
    owner = deployment(meta=f"annotations: {{reconciler.io/strategy: '{strategy}'}}")
    wanted = Daemon(tmp_path).wants(owner, service(PINNED, name="front"))
    assert wanted.services[Key("Service", "default", "front")].spec.selector == {"app": "web"}
