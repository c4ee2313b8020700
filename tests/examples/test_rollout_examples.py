"""The files of docs/examples: each is loaded, planned, and brought from one version to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.desired import desired
from reconciler.manifests.load import load_tree
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.revision import Revision
from tests.decide.delivery.course import Course, fleet_of
from tests.laws.world import World

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
SHOP, BLOG, API, WIKI = (
    ("canary-with-analysis.yaml", Key("Rollout", "default", "shop")),
    ("blue-green-with-preview.yaml", Key("Rollout", "default", "blog")),
    ("annotated-deployment.yaml", Key("Deployment", "default", "api")),
    ("split-at-an-ingress.yaml", Key("Rollout", "default", "wiki")),
)
BRIEFLY = 20.0


class Example(Course):
    """One of the files on two simulated nodes. `errors` is the canary's share of errors from now on."""

    def __init__(self, folder: Path, name: str, key: Key) -> None:
        self.folder, self.text, self.key = folder, (EXAMPLES / name).read_text(), key
        self.of, self.number, self.errors = fleet_of(), 0, 0.0
        self.measure = lambda _: f'{{"canary": {{"errorRate": {self.errors}}}, "stable": {{"errorRate": 0}}}}'
        World.__init__(self, self.version("v1"))
        self.run()

    def version(self, image: str, *, subject: str = "Update", **more: object) -> Desired:
        """The file with another tag, read as a commit's would be."""
        self.number += 1
        (self.folder / "example.yaml").write_text(self.text.replace(":v1\n", f":{image}\n"))
        loaded = load_tree(self.folder, fleet=self.of)
        assert loaded.findings == ()
        revision = Revision(id=f"{self.number:07d}" + "0" * 33, subject=subject)
        return desired(self.of, revision, loaded.objects)


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_it_is_valid_without_a_note(file: Path) -> None:
    assert load_tree(EXAMPLES, [file], fleet=fleet_of()).findings == ()


def test_all_of_them_are_tried_here() -> None:
    assert {file.name for file in FILES} == {name for name, _ in (SHOP, BLOG, API, WIKI)}


@pytest.mark.parametrize(("name", "key"), [SHOP, BLOG, API, WIKI])
def test_it_goes_from_one_version_to_the_next(tmp_path: Path, name: str, key: Key) -> None:
    """By time where the file says so, and by somebody's word where it asks for that."""
    course = Example(tmp_path, name, key)
    assert course.plan.standing == "converged"
    course.push("v2")
    assert course.state.phase != "complete"
    for _ in range(40):
        if course.standing == "converged":
            break
        if course.way.holds and course.plan.wake_at is None:
            course.order("promote")
        course.wait(60)
    assert course.standing == "converged"
    assert list(course.pods()) == ["v2"]


def test_the_canary_has_its_exact_share_and_a_bad_one_is_taken_back(tmp_path: Path) -> None:
    course = Example(tmp_path, *SHOP)
    course.push("v2")
    course.wait(BRIEFLY)
    assert course.shares("shop") == {"v1": 95, "v2": 5}
    assert (course.shares("shop-stable"), course.shares("shop-canary")) == ({"v1": 100}, {"v2": 100})
    course.wait(120)
    assert course.shares("shop") == {"v1": 75, "v2": 25}
    course.errors = 0.05
    course.wait(61)
    assert course.shares("shop") == {"v1": 100}
    assert course.standing.startswith("failed: shop-")


def test_the_preview_is_small_and_apart_until_it_is_promoted(tmp_path: Path) -> None:
    course = Example(tmp_path, *BLOG)
    course.push("v2")
    course.wait(BRIEFLY)
    assert course.pods() == {"v1": 2, "v2": 1}
    assert (course.shares("blog"), course.shares("blog-preview")) == ({"v1": 100}, {"v2": 100})
    course.order("promote")
    course.wait(BRIEFLY)
    assert (course.shares("blog"), course.pods()) == ({"v2": 100}, {"v1": 2, "v2": 2})
    course.order("undo")
    assert course.shares("blog") == {"v1": 100}


def test_the_deployment_is_delivered_by_its_annotation(tmp_path: Path) -> None:
    course = Example(tmp_path, *API)
    course.push("v2")
    course.wait(BRIEFLY)
    assert course.shares("api") == {"v1": 90, "v2": 10}
    course.wait(300)
    assert course.shares("api") == {"v1": 50, "v2": 50}
    assert course.pods() == {"v1": 2, "v2": 2}


def test_testers_reach_the_new_version_first(tmp_path: Path) -> None:
    course = Example(tmp_path, *WIKI)
    course.push("v2")
    course.wait(BRIEFLY)
    split = course.routed("wiki:split")
    assert [(r.service, r.matches[0].header, r.matches[0].value) for r in split.header_routes] == [
        ("wiki-canary", "X-Canary", "yes")
    ]
    assert course.shares("wiki:split") == {"v1": 100}
    course.order("promote")
    course.wait(BRIEFLY)
    assert course.shares("wiki:split") == {"v1": 80, "v2": 20}
    assert course.shares("wiki") == {"v1": 100}
