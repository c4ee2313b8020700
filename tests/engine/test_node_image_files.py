"""Which files get into the node image, from small packages made here."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.debian.deb import File, tree
from reconciler.debian.packages import PackageUnavailable
from reconciler.engine.node_image import build, layout
from reconciler.engine.node_image.archive import Image, image
from reconciler.engine.node_image.build import assemble, recipe
from reconciler.engine.node_image.closure import Incomplete, closure, licences
from reconciler.engine.node_image.elf import Needs, needs
from tests.engine.fake_packages import deb, elf, static_elf

LIB = "usr/lib/x86_64-linux-gnu"
LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBC: dict[str, bytes | str] = {
    "lib64/ld-linux-x86-64.so.2": "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": elf(),
    "lib/x86_64-linux-gnu/libc.so.6": elf("ld-linux-x86-64.so.2"),
    "lib/x86_64-linux-gnu/libunused.so.1": elf(),
    "usr/share/doc/libc6/copyright": b"LGPL",
    "usr/share/doc/libc6/changelog.gz": b"long",
}
FOLDERS = (LIB, "usr/lib")


@pytest.mark.parametrize("wide", [True, False], ids=["64 bit", "32 bit"])
def test_an_elf_file_says_what_it_needs(wide: bool) -> None:
    program = elf("libfirst.so.1", "libc.so.6", interpreter="/lib/ld.so", wide=wide)
    assert needs(program) == Needs("/lib/ld.so", ("libfirst.so.1", "libc.so.6"))
    assert needs(elf(wide=wide)) == Needs("", ())


def test_what_is_static_or_no_program_needs_nothing() -> None:
    assert needs(static_elf()) == needs(b"#!/bin/sh\n") == needs(b"") == Needs("", ())


@pytest.mark.parametrize("length", [4, 5, 20, 60, 100, 200, 250])
def test_a_broken_elf_file_is_an_error_and_nothing_else(length: int) -> None:
    with pytest.raises(ValueError, match=r"(?i)ELF file"):
        needs(elf("libc.so.6", interpreter=LOADER)[:length])


def test_a_package_is_laid_out_on_a_merged_usr() -> None:
    files = tree(
        {"one": deb({"bin/ip": b"1", "usr/bin/ss": b"2", "etc/x": b"3", "usr/share/man/ip.8": b"4"})}
    )
    assert files == {
        "usr/bin/ip": File(0o755, b"1", package="one"),
        "usr/bin/ss": File(0o755, b"2", package="one"),
        "etc/x": File(0o755, b"3", package="one"),
    }


def test_a_program_brings_its_loader_its_libraries_and_the_links_to_them() -> None:
    packages = {
        "libc6": deb(LIBC),
        "libz": deb(
            {
                f"{LIB}/libz.so.1": "libz.so.1.2",
                f"{LIB}/libz.so.1.2": elf("libdeep.so.2"),
                "lib/x86_64-linux-gnu/libdeep.so.2": elf("libc.so.6", "libz.so.1"),
            }
        ),
        "prog": deb({"bin/prog": elf("libz.so.1", interpreter=LOADER), "sbin/prog": "/bin/prog"}),
    }
    assert closure(tree(packages), ["usr/sbin/prog"], FOLDERS) == {
        "usr/sbin/prog",
        "usr/bin/prog",
        "usr/lib64/ld-linux-x86-64.so.2",
        f"{LIB}/ld-linux-x86-64.so.2",
        f"{LIB}/libz.so.1",
        f"{LIB}/libz.so.1.2",
        f"{LIB}/libdeep.so.2",
        f"{LIB}/libc.so.6",
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"no package has /usr/bin/prog, needed by the image"),
        ({"bin/prog": "other"}, r"no package has /usr/bin/other, needed by the image"),
        ({"bin/prog": "prog"}, r"/usr/bin/prog, needed by the image, is a link to itself"),
        ({"bin/prog": elf("libodd.so.1")}, r"no package has libodd\.so\.1, needed by /usr/bin/prog"),
        (
            {"bin/prog": elf(interpreter="/lib/ld.so.9")},
            r"no package has /usr/lib/ld\.so\.9, needed by usr/bin",
        ),
        ({"bin/prog": b"\x7fELF"}, r"/usr/bin/prog of prog is a broken ELF file"),
    ],
)
def test_what_is_missing_is_named_with_what_needs_it(files: Mapping[str, bytes | str], message: str) -> None:
    with pytest.raises(Incomplete, match=message):
        closure(tree({"prog": deb(files)}), ["usr/bin/prog"], FOLDERS)


def test_licences_come_with_what_is_kept_also_where_a_package_links_to_anothers() -> None:
    files = tree(
        {
            "base": deb({"usr/share/doc/base/copyright": b"GPL"}),
            "lib": deb({"usr/lib/lib.so": elf(), "usr/share/doc/lib": "base"}),
            "unused": deb({"usr/share/doc/unused/copyright": b"BSD"}),
        }
    )
    found = licences(files, ["usr/lib/lib.so"])
    assert {path: file.content for path, file in found.items()} == {"usr/share/doc/lib/copyright": b"GPL"}
    with pytest.raises(Incomplete, match="needed by package bare"):
        licences(tree({"bare": deb({"bin/x": b"1"})}), ["usr/bin/x"])


def _packages() -> dict[str, bytes]:
    """Every program of the image, in one package."""
    programs: dict[str, bytes | str] = {
        path: elf("libc.so.6", interpreter=LOADER) for path in layout._PROGRAMS
    }
    more: dict[str, bytes | str] = {
        f"{LIB}/xtables/libxt_tcp.so": elf("libc.so.6"),
        f"{LIB}/xtables/libxt_udp.so": "libxt_tcp.so",
        "etc/protocols": b"tcp 6\n",
        "etc/cron.d/x": b"",
        "usr/bin/unused": elf(),
        "usr/share/doc/all/copyright": b"GPL",
    }
    return {"libc6": deb(LIBC), "all": deb({**programs, **more})}


def _opened(made: Image) -> tuple[dict[str, tarfile.TarInfo], dict[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made.archive))) as outer:
        content = {m.name: file.read() for m in outer if (file := outer.extractfile(m))}
    (manifest,) = json.loads(content["manifest.json"])
    assert manifest["RepoTags"] == [made.tag]
    config = json.loads(content[manifest["Config"]])["config"]
    assert config["Entrypoint"] == ["/bin/busybox", "sh", "/sandbox"]
    assert config["Env"] == ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    with tarfile.open(fileobj=io.BytesIO(content[manifest["Layers"][0]])) as layer:
        entries = {m.name: m for m in layer}
        return entries, {
            m.name: file.read() for m in entries.values() if m.isreg() and (file := layer.extractfile(m))
        }


def test_the_image_holds_what_a_node_needs_and_nothing_else() -> None:
    entries, content = _opened(assemble("amd64", _packages()))
    links = {path: e.linkname for path, e in entries.items() if e.issym()}
    assert {p: links[p] for p in ("bin", "sbin", "lib", "lib64", "usr/bin/sh", "usr/bin/awk")} == {
        "bin": "usr/bin",
        "sbin": "usr/sbin",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "usr/bin/sh": "busybox",
        "usr/bin/awk": "busybox",
    }
    assert entries["usr/bin/flock"].isreg(), "a program of its own goes before busybox's"
    assert links[f"{LIB}/xtables/libxt_udp.so"] == "libxt_tcp.so"
    assert {"net", "run", "tmp", "var/empty", "etc"} <= {p for p, e in entries.items() if e.isdir()}
    assert not {"usr/bin/unused", f"{LIB}/libunused.so.1", "etc/cron.d/x"} & {*entries}
    assert "usr/share/doc/libc6/copyright" in entries
    assert "usr/share/doc/libc6/changelog.gz" not in entries
    assert (entries["node"].mode, entries["sandbox"].mode, entries["tmp"].mode) == (0o755, 0o755, 0o1777)
    users = {line.split(b":")[0] for line in content["etc/passwd"].splitlines()}
    assert users == {b"root", b"haproxy", b"dnsmasq", b"nobody"}
    assert {(e.uid, e.gid, e.mtime) for e in entries.values()} == {(0, 0, 0)}


def test_a_program_that_debian_has_moved_is_named() -> None:
    packages = _packages()
    del packages["all"]
    with pytest.raises(Incomplete, match=r"no package has /usr/.*, needed by the image"):
        assemble("amd64", packages)


def test_the_image_depends_only_on_what_goes_into_it() -> None:
    packages = _packages()
    assert assemble("amd64", packages) == assemble("amd64", dict(reversed(packages.items())))
    file = {"etc/x": File(0o644, b"1")}
    tags = {
        image("amd64", file, "one").tag,
        image("arm64", file, "one").tag,
        image("amd64", file, "two").tag,
        image("amd64", {"etc/x": File(0o644, b"2")}, "one").tag,
    }
    assert len(tags) == 4


def test_the_recipe_counts_every_file_of_ours() -> None:
    assert {path.name for path in layout.own_files()} == {
        "balance.sh",
        "links.sh",
        "names.sh",
        "node.sh",
        "rules.sh",
        "sandbox.sh",
        "session.sh",
    }
    assert len(recipe()) == 12


def test_packages_from_before_serve_where_there_are_no_newer_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A mirror that is being synchronised, or gone: what was built before is built again, with a word."""
    store, patience = tmp_path / "node-image" / "packages.tar", []

    def fetch(*_: object, patient: bool) -> dict[str, bytes]:
        patience.append(patient)
        if len(patience) != 2:
            raise PackageUnavailable("File has unexpected size", "ask later")
        return _packages()

    monkeypatch.setattr(build, "fetch", fetch)
    with pytest.raises(PackageUnavailable, match="unexpected size"):
        build.build("amd64", store)
    first = build.build("amd64", store)
    again = build.build("amd64", store)
    assert (first.because, again.because) == ("", "File has unexpected size")
    assert again.image == first.image
    assert patience == [True, True, False]
    store.write_bytes(b"cut off")
    with pytest.raises(PackageUnavailable):
        build.build("amd64", store)
