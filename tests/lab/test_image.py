"""Images: what is in them, that the same directory gives the same bytes, what is refused."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from reconciler.errors import LabError
from reconciler.lab import layer
from reconciler.lab.image import Image, ImageSpec, build, digest
from reconciler.lab.upload import push


def config_of(image: Image) -> dict[str, object]:
    found: dict[str, object] = json.loads(image.blobs[json.loads(image.manifest)["config"]["digest"]])
    return found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("hello")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "start").symlink_to("run.sh")
    return tmp_path


def test_a_layer_holds_the_directory_without_owner_or_time(site: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer.of_directory(site))) as tar:
        members = {m.name: m for m in tar.getmembers()}
    assert list(members) == ["run.sh", "start", "www", "www/index.html"]
    assert members["run.sh"].mode == 0o755
    assert members["start"].linkname == "run.sh"
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, 0)}


def test_the_same_directory_gives_the_same_image(
    site: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("copy") / "site"
    shutil.copytree(site, copy, symlinks=True)
    assert build(ImageSpec(directory=site, busybox=False)) == build(ImageSpec(directory=copy, busybox=False))


def test_digests_fit(site: Path) -> None:
    image = build(ImageSpec(directory=site, busybox=False))
    manifest = json.loads(image.manifest)
    assert all(digest(blob) == name for name, blob in image.blobs.items())
    packed = [image.blobs[each["digest"]] for each in manifest["layers"]]
    assert [len(blob) for blob in packed] == [each["size"] for each in manifest["layers"]]
    rootfs = config_of(image)["rootfs"]
    assert rootfs == {"type": "layers", "diff_ids": [digest(gzip.decompress(blob)) for blob in packed]}


def test_the_configuration_says_what_was_asked() -> None:
    spec = ImageSpec(
        busybox=False, command=("serve",), env=("A=1",), ports=(80,), user="nobody", platform="linux/arm/v7"
    )
    found = config_of(build(spec))
    assert (found["os"], found["architecture"], found["variant"]) == ("linux", "arm", "v7")
    assert found["config"] == {
        "Env": ["PATH=/bin", "A=1"],
        "Entrypoint": None,
        "Cmd": ["serve"],
        "ExposedPorts": {"80/tcp": {}},
        "User": "nobody",
        "WorkingDir": "/",
    }


def test_a_busybox_that_isnt_static_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path / "busybox"
    binary.write_bytes(b"\x7fELF.../lib64/ld-linux-x86-64.so.2\0")
    monkeypatch.setattr(layer, "program", lambda _: str(binary))
    with pytest.raises(LabError, match=r"isn't static.*\n  apt-get install busybox-static"):
        layer.of_busybox()


@pytest.mark.parametrize("reference", ["web", "Web:v1", "web:", ":v1", "web:v1@x", "/web:v1"])
def test_a_reference_must_be_name_and_tag(reference: str) -> None:
    with pytest.raises(LabError, match="expected name:tag, in small letters, as web:v1"):
        push("127.0.0.1:1", reference, Image(manifest=b"", blobs={}))


def test_a_registry_that_is_off_is_named() -> None:
    with pytest.raises(LabError, match=r"registry 127.0.0.1:1: can't push web:v1: .*refused"):
        push("127.0.0.1:1", "web:v1", Image(manifest=b"", blobs={}))
