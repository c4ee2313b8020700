"""Handlers for ARM's programs: what the kernel is told, and whose it removes. None is registered here."""

from __future__ import annotations

import json
import os
from pathlib import Path

from reconciler.lab import emulation, process
from reconciler.lab.image import LIST, ImageSpec, build, digest, index


def test_the_kernel_is_told_by_which_bytes_it_knows_a_program() -> None:
    line = emulation.registration("reconciler-lab-1-2-arm", "arm", Path("/qemu"))
    _, name, kind, offset, magic, mask, program, flags = line.split(":")
    assert (name, kind, offset, program, flags) == ("reconciler-lab-1-2-arm", "M", "", "/qemu", "FP")
    assert magic.startswith(r"\x7f\x45\x4c\x46\x01\x01\x01\x00") and magic.endswith(r"\x02\x00\x28\x00")
    assert magic.count("x") == mask.count("x") == 20
    assert r"\x02\x01\x01\x00" in emulation.registration("n", "arm64", Path("/qemu"))


def test_what_a_dead_run_left_behind_goes_and_nothing_else(tmp_path: Path) -> None:
    mine = process.token(os.getpid()).replace(":", "-")
    entries = {
        f"{emulation.PREFIX}{mine}-arm": "",
        f"{emulation.PREFIX}{os.getpid()}-1-arm64": "-1",
        "qemu-arm": "",
    }
    for name in entries:
        (tmp_path / name).touch()
    emulation.remove_orphans(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == entries


def test_an_image_for_several_machines_names_each(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    platforms = ("linux/amd64", "linux/arm/v7")
    images = {p: build(ImageSpec(directory=tmp_path, busybox=False, platform=p)) for p in platforms}
    made = index(images)
    entries = json.loads(made.manifest)["manifests"]
    assert made.media_type == LIST and made.parts == tuple(images.values())
    assert [entry["platform"].get("variant", "") for entry in entries] == ["", "v7"]
    assert [entry["digest"] for entry in entries] == [digest(i.manifest) for i in images.values()]
