"""Building the node image where it can't be built: what people are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.debian import packages
from reconciler.debian.packages import PackageUnavailable, fetch, sources_of


def test_without_apt_it_says_where_to_get_the_image(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageUnavailable, match="no apt-get") as caught:
        fetch(["busybox-static"], "arm64")
    assert "copy ~/.cache/reconciler/node-image" in caught.value.remedy


@pytest.mark.programs
def test_a_mirror_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for apt-get that fails as the real one does."""
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: Failed to fetch http://mirror/' >&2\nexit 100\n")
    apt.chmod(0o755)
    keyring = tmp_path / "keyring.gpg"
    keyring.touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv(packages.MIRROR_VARIABLE, "http://mirror")
    monkeypatch.setattr(packages, "_KEYRING", keyring)
    with pytest.raises(PackageUnavailable, match="E: Failed to fetch http://mirror/") as caught:
        fetch(["busybox-static"], "arm64")
    assert packages.MIRROR_VARIABLE in caught.value.remedy


@pytest.mark.programs
def test_a_machine_whose_apt_knows_no_debian_is_told_which_variable_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on Ubuntu."""
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'Ubuntu http://somewhere/ubuntu/'\n")
    apt.chmod(0o755)
    (tmp_path / "keyring.gpg").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv(packages.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(packages, "_KEYRING", tmp_path / "keyring.gpg")
    with pytest.raises(PackageUnavailable, match="knows no Debian mirror") as caught:
        fetch(["busybox-static"], "arm64")
    assert packages.MIRROR_VARIABLE in caught.value.remedy


def test_a_missing_keyring_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "_KEYRING", tmp_path / "none.gpg")
    with pytest.raises(PackageUnavailable) as caught:
        fetch(["busybox-static"], "arm64")
    assert caught.value.remedy == "apt-get install debian-archive-keyring"


@pytest.mark.programs
def test_a_package_that_apt_does_not_bring_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in for apt-get that downloads one of two, with what it depends on."""
    apt = tmp_path / "apt-get"
    apt.write_text(
        '#!/bin/sh\ncase "$*" in *install*) echo libc > cache/archives/libc6_2_arm64.deb\n'
        "echo bb > cache/archives/busybox-static_1%3a1.35_arm64.deb;; esac\n"
    )
    apt.chmod(0o755)
    (tmp_path / "keyring.gpg").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv(packages.MIRROR_VARIABLE, "http://mirror")
    monkeypatch.setattr(packages, "_KEYRING", tmp_path / "keyring.gpg")
    assert fetch(["busybox-static"], "arm64") == {"busybox-static": b"bb\n", "libc6": b"libc\n"}
    with pytest.raises(PackageUnavailable, match="brought no haproxy for arm64"):
        fetch(["busybox-static", "haproxy"], "arm64")


def test_security_updates_are_taken_where_the_machine_takes_them() -> None:
    plain = "Debian trixie http://mirror/debian/\nDebian trixie-updates http://mirror/debian/\n"
    secure = plain + "Debian-Security trixie-security http://mirror/security/\n"
    assert sources_of(plain) == [("http://mirror/debian/", "bookworm")]
    assert sources_of(secure) == [
        ("http://mirror/debian/", "bookworm"),
        ("http://mirror/security/", "bookworm-security"),
    ]
    with pytest.raises(PackageUnavailable, match="no Debian mirror"):
        sources_of("Ubuntu noble http://mirror/ubuntu/\n")


SYNCHRONISING = (
    "E: Failed to fetch http://mirror/dists/x/Packages.xz  File has unexpected size (1 != 2). "
    "Mirror sync in progress? [IP: 192.0.2.1 80]"
)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a stand-in for apt-get whose every `update` fails while `again` has lines left."""
    apt = tmp_path / "apt-get"
    apt.write_text(f"""#!/bin/sh
here={tmp_path}
case "$*" in
*update*) if [ -s $here/again ]; then sed -i 1d $here/again; echo '{SYNCHRONISING}' >&2; exit 100; fi;;
*) echo bb > cache/archives/busybox-static_1_arm64.deb;;
esac
""")
    apt.chmod(0o755)
    (tmp_path / "keyring.gpg").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv(packages.MIRROR_VARIABLE, "http://mirror")
    monkeypatch.setattr(packages, "_KEYRING", tmp_path / "keyring.gpg")
    monkeypatch.setattr(packages, "WAITS", (0.0, 0.0))
    return tmp_path


@pytest.mark.programs
def test_a_mirror_that_is_being_synchronised_is_asked_again(mirror: Path) -> None:
    (mirror / "again").write_text("1\n2\n")
    assert fetch(["busybox-static"], "arm64") == {"busybox-static": b"bb\n"}


@pytest.mark.programs
def test_a_mirror_that_stays_so_is_given_up(mirror: Path) -> None:
    (mirror / "again").write_text("1\n2\n3\n4\n")
    with pytest.raises(PackageUnavailable, match="Mirror sync in progress"):
        fetch(["busybox-static"], "arm64")
    assert (mirror / "again").read_text() == "4\n"
