"""Records of what has ended, as they are read from a node: parsed, bounded, and never in the way."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.engine.observing.ended import of_this_pod, remembered
from reconciler.engine.pods import records
from reconciler.errors import NodeUnreachable
from reconciler.model.observed import ContainerState, Ending, HeldImage
from tests.engine.pods import record

POD = record("job", {"containers": [{"name": "app", "image": "job:v1"}], "restartPolicy": "Never"})
ENDED = ContainerState(name="app", role="main", state="exited", exit_code=0, started_at=1.0, finished_at=2.0)
ENDING = Ending(record=POD, containers=(ENDED,))

AS_NOBODY = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


class Shellless:
    """The Engine of a node without a shell. What it packs ends within the second file."""

    node = "pi-1"

    def run(self, script: str, seconds: float) -> tuple[int, bytes]:
        raise NodeUnreachable("no shell", node=self.node)

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[list[bytes]]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name in ("records/1.json", "records/2.json"):
                entry = tarfile.TarInfo(name)
                entry.size = len(records.line(ENDING))
                tar.addfile(entry, io.BytesIO(records.line(ENDING)))
                whole = tar.offset
        yield [buffer.getvalue()[: whole - 100]]


def test_what_is_recorded_is_read_back_and_is_of_the_node_it_was_read_on() -> None:
    found = records.parse(msgspec.json.encode(ENDING) + b"\n", "pi-9")
    assert found.complaints == ()
    (ending,) = found.endings.values()
    assert ending.containers == (ENDED,)
    assert ending.record == msgspec.structs.replace(POD, node="pi-9", ip="")


def test_a_damaged_record_is_said_and_the_others_count() -> None:
    text = b'{"record": 7}\n\xff\xfe\n[]\n' + msgspec.json.encode(ENDING) + b'\n{"record":{"namesp'
    found = records.parse(text, "pi-1")
    assert len(found.endings) == 1
    assert found.complaints == (
        "4 damaged records of ended pods below /var/lib/reconciler: what they are about may run again",
    )


def test_the_record_stands_in_for_a_container_that_is_gone_and_for_no_other() -> None:
    gone = ContainerState(name="app", role="main", state="absent")
    there = ContainerState(name="app", role="main", state="running", started_at=5.0)
    assert remembered((gone,), ENDING) == (ENDED,)
    assert remembered((there,), ENDING) == (there,)
    assert remembered((gone,), None) == (gone,)


def test_a_record_of_an_earlier_pod_of_that_name_says_nothing_of_this_one() -> None:
    changed = msgspec.structs.replace(POD, template_hash="another")
    assert of_this_pod(POD, ENDING) is ENDING
    assert of_this_pod(changed, ENDING) is None


def test_images_that_were_pulled_stand_beside_what_has_ended() -> None:
    image = HeldImage(name="web:v1", pulled_at=1.0, used_at=2.0)
    found = records.parse(msgspec.json.encode(image) + b"\n" + msgspec.json.encode(ENDING), "pi-1")
    assert found.images == {"web:v1": image}
    assert len(found.endings) == 1


def test_a_record_that_was_cut_off_takes_none_of_the_others_with_it() -> None:
    """By a full disk or a node's end: its line has no end, and the next file is read right behind it."""
    image = records.line(HeldImage(name="web:v1", pulled_at=1.0, used_at=2.0))
    found = records.parse(records.line(ENDING)[:40] + image + records.line(ENDING), "pi-1")
    assert (len(found.images), len(found.endings)) == (1, 1)
    assert found.complaints == (
        "1 damaged records of ended pods below /var/lib/reconciler: what they are about may run again",
    )


@pytest.mark.programs("setpriv", "sh")
@pytest.mark.parametrize("closed", [".", "home", "home/records"])
def test_what_the_user_may_not_read_is_not_taken_for_nothing(tmp_path: Path, closed: str) -> None:
    """The node's shell says nothing then, and a container is asked."""
    folder = tmp_path / "home" / "records"

    def said() -> bytes:
        return subprocess.run(
            [*AS_NOBODY, "sh", "-c", records.script(str(folder))], capture_output=True, check=False
        ).stdout

    assert said() == b"records:\n"
    folder.mkdir(parents=True)
    (folder / "pod_default_job.json").write_bytes(records.line(ENDING))
    assert said() == b"records:\n" + records.line(ENDING)
    (tmp_path / closed).chmod(0o000)
    try:
        assert said() == b""
    finally:
        (tmp_path / closed).chmod(0o700)


def test_more_records_than_are_read_are_said_and_the_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "unnamed_helper", lambda *_, **__: nullcontext("helper"))
    engine: Any = Shellless()
    found = records.read(engine, "home", shell_only=False)
    assert found is not None
    assert (len(found.endings), len(found.complaints)) == (1, 1)


def packed(*files: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        text = msgspec.json.encode(ENDING) + b"\n"
        good = tarfile.TarInfo("pod_default_job.json")
        good.size = len(text)
        tar.addfile(good, io.BytesIO(text))
        for file in files:
            tar.addfile(file)
    return buffer.getvalue()


def test_a_tar_of_records_expands_to_no_more_than_is_bounded() -> None:
    """A sparse file of 8 TB fits into 10 KB."""
    size = 8 << 40
    hole = tarfile.TarInfo("hole")
    sparse = {"size": size, "map": f"{size},0", "numblocks": 1, "major": 0, "minor": 1, "name": "hole"}
    hole.pax_headers = {f"GNU.sparse.{key}": str(value) for key, value in sparse.items()}
    assert len(packed(hole)) < 20_000
    for tar in (packed(hole), packed()[:700], packed()[:512] + b"x" * 5000, b"?" * 600):
        found = records.parse(b"".join(records.files_of(tar)), "pi-1")
        assert len(found.complaints) == 1
    assert len(records.parse(b"".join(records.files_of(packed(hole))), "pi-1").endings) == 1
