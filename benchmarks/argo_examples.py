"""Every example of Argo Rollouts on the lab, and a table of which run, which don't and why.

git clone https://github.com/argoproj/argo-rollouts && python -m benchmarks.argo_examples argo-rollouts
    [--only PART] [--json FILE]

`examples`, `docs/getting-started` and `test/e2e` of the clone are looked at. It is a program and no test,
because its material is another project's and isn't kept here; what it has found is in docs/argo-rollouts.md.
It exits 1 when an example ends otherwise than `ENDS` says. Needs the lab; it takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.argo_course import Course, Told, answering, run_alone
from benchmarks.argo_files import Document, Example, StandIns, examples, mapped, own_proxy, written
from reconciler.lab import Lab, samples
from reconciler.lab.image import ImageSpec
from reconciler.manifests.load import load_tree
from reconciler.model.finding import Finding
from tests.fleet.networking import Place

FOLDERS = ("docs/getting-started", "examples", "test/e2e")
E2E = "test/e2e/functional"

ENDS = {
    "examples/rollout-analysis-step.yaml": "Either",
    "examples/rollout-background-analysis.yaml": "Either",
    f"{E2E}/canary-scaledownonabort.yaml": "Aborted",
    f"{E2E}/canary-scaledownonabortnotrafficrouting.yaml": "Aborted",
    f"{E2E}/canary-unscaledownonabort.yaml": "Aborted",
    f"{E2E}/rollout-background-analysis-inconclusive.yaml": "Inconclusive",
    f"{E2E}/rollout-background-invalid-job.yaml": "Inconclusive",
    f"{E2E}/rollout-background-long-running-job-deadline.yaml": "Degraded",
    f"{E2E}/rollout-degraded-inline-multiple-analysis.yaml": "Degraded",
    f"{E2E}/rollout-inline-invalid-image-job.yaml": "Inconclusive",
    f"{E2E}/rollout-inline-long-running-job-deadline.yaml": "Degraded",
}
"""How those end that aren't meant to end Healthy, by their comments and Argo's tests. Either: by chance."""


@dataclass(frozen=True)
class Row:
    """`verdict`: runs, refused, read (nothing in it runs by itself) or wrong. `proxied` is what became of it
    with what the error says written instead.
    """

    path: str
    kinds: str
    verdict: str
    why: str = ""
    told: Told | None = None
    proxied: Told | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)


class Bench:
    def __init__(self, place: Place, stand_ins: StandIns, every: list[Example]) -> None:
        self.place, self.stand_ins, self.every = place, stand_ins, every

    def row(self, example: Example) -> Row:
        documents = mapped(example, self.stand_ins)
        errors = problems(documents, example)
        if errors:
            why = "; ".join(dict.fromkeys(said(error) for error in errors))
            return Row(example.path, example.kinds, "refused", why, proxied=self._proxied(example, errors))
        if not example.of("Rollout", "AnalysisRun"):
            users = [e.path for e in self.every if example.path in e.needs]
            why = f"used by {', '.join(map(short, users))}" if users else "no file uses it"
            return Row(example.path, example.kinds, "read", why)
        told = self._run(example, documents)
        asked = ENDS.get(example.path, "Healthy")
        fits = told.end in {
            "Either": ("Healthy", "Degraded"),
            "Aborted": ("Degraded",),
        }.get(asked, (asked, "Successful"))
        return Row(example.path, example.kinds, "runs" if fits else "wrong", told=told)

    def _proxied(self, example: Example, errors: list[Finding]) -> Told | None:
        """With `trafficRouting: {}`, where another router is all that is in the way."""
        if not any("trafficRouting" in error.path for error in errors):
            return None
        documents = own_proxy(mapped(example, self.stand_ins))
        if left := problems(documents, example):
            return Told(end="Refused", message="; ".join(dict.fromkeys(map(said, left))))
        return self._run(example, documents)

    def _run(self, example: Example, documents: list[Document]) -> Told:
        course = Course(self.place, documents, ENDS.get(example.path, "Healthy"))
        try:
            return course.run() if example.of("Rollout") else run_alone(self.place, documents)
        finally:
            course.gone()


def problems(documents: list[Document], example: Example) -> list[Finding]:
    """The errors of `reconciler validate`."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "example.yaml").write_text(written(documents) if documents else example.text)
        return [f for f in load_tree(Path(folder)).findings if f.severity == "error"]


def said(error: Finding) -> str:
    """Without the line, which is that of a file made of several, and in few words."""
    path = error.path.replace("spec.strategy.canary.", "").replace("spec.template.spec.", "")
    return f"{path}: {error.message.removeprefix('not supported: ')}" if path else error.message


def short(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def line(row: Row) -> str:
    """A row of the table, in Markdown."""
    found = row.why.replace("|", "\\|")
    if row.told is not None:
        found = course_line(row.told)
    if row.proxied is not None:
        end = row.proxied
        better = f"refused, too: {end.message}" if end.end == "Refused" else f"runs: {course_line(end)}"
        found += f"<br>With `trafficRouting: {{}}` instead: {better}"
    return f"| `{row.path}` | {row.verdict} | {found} |"


def course_line(told: Told) -> str:
    parts = [told.end, told.message.splitlines()[0] if told.message else "", told.traffic]
    if told.late:
        parts.append("Degraded for a while, as it is late by its own deadline")
    if told.promoted:
        parts.append(f"promoted {told.promoted} times" if told.promoted > 1 else "promoted once")
    if told.aborted:
        pods = ", ".join(f"{n} {name}" for name, n in told.sets.items())
        parts.append(f"2 s after the abort was over: pods {pods}")
    return f"{'; '.join(filter(None, parts))} ({told.seconds:.0f} s)"


@contextmanager
def bench(clone: Path, root: Path) -> Iterator[Bench]:
    """A lab whose daemon serves a folder, and the stand-ins in its registry and on its nodes."""
    every = examples(clone, FOLDERS)
    lab = Lab.up(f"argo-{os.getpid()}")
    try:
        images = samples.push_all(lab)
        for version in ("v1", "v2"):
            images[f"nginx:{version}"] = _serving(lab, f"nginx:{version}", root, env=("PORT=80",))
            whole = ("sh", "-c", samples.SERVE)
            images[f"echo:{version}"] = _serving(lab, f"echo:{version}", root, entrypoint=whole)
        lab.pull(*images.values())
        place = Place(lab, root / "site", "  prune: {allowEmpty: true}\n")
        os.environ |= {k: v for k, v in place.environment().items() if k.startswith(("RECONCILER", "XDG_"))}
        with answering() as url, place.serve():
            stand_ins = StandIns(images["web:v1"], images["nginx:v1"], images["echo:v1"], lab.registry, url)
            yield Bench(place, stand_ins, every)
    finally:
        lab.down()


def _serving(
    lab: Lab, name: str, root: Path, *, env: tuple[str, ...] = (), entrypoint: tuple[str, ...] = ()
) -> str:
    """An image that answers its version."""
    folder = root / name / "www"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f"{name.rpartition(':')[2]}\n")
    command = () if entrypoint else ("sh", "-c", samples.SERVE)
    made = ImageSpec(directory=folder.parent, entrypoint=entrypoint, command=command, env=env)
    return lab.image(name, made)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("--only", default=[], action="append", help="files whose path has this part")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows: list[Row] = []
    with TemporaryDirectory() as folder, bench(asked.clone.resolve(), Path(folder)) as running:
        for example in running.every:
            if not asked.only or any(part in example.path for part in asked.only):
                rows.append(running.row(example))
                print(line(rows[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    wrong = [row for row in rows if "wrong" in row.verdict or (row.proxied and row.proxied.end == "Stuck")]
    print(f"{len(rows)} files, {len(wrong)} of them otherwise than expected")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
