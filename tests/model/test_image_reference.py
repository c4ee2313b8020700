"""What an image's name means, by the grammar of distribution/reference."""

from __future__ import annotations

import pytest

from reconciler.model.image_reference import parse

DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    ("image", "meant"),
    [
        ("web", "docker.io/library/web:latest"),
        ("web:v1", "docker.io/library/web:v1"),
        ("team/web:v1", "docker.io/team/web:v1"),
        ("docker.io/web", "docker.io/library/web:latest"),
        ("index.docker.io/library/web:v1", "docker.io/library/web:v1"),
        ("localhost/web", "localhost/web:latest"),
        ("registry:5000/a/b-c__d.e:V_1", "registry:5000/a/b-c__d.e:V_1"),
        ("REG/web", "REG/web:latest"),
        ("Registry.example.net/web:1", "Registry.example.net/web:1"),
        ("[2001:db8::1]:5000/web", "[2001:db8::1]:5000/web:latest"),
        (f"web@{DIGEST}", f"docker.io/library/web@{DIGEST}"),
        (f"registry.example.net:5000/web:v1@{DIGEST}", f"registry.example.net:5000/web@{DIGEST}"),
        ("a--b", "docker.io/library/a--b:latest"),
        ("x" * 247, f"docker.io/library/{'x' * 247}:latest"),
    ],
)
def test_every_spelling_has_one_meaning(image: str, meant: str) -> None:
    assert str(parse(image)) == meant


@pytest.mark.parametrize(
    "image",
    [
        "", ":v1", "@", "/web", "web/", "web:", "web:v1:v2", "Web", "REG/Web:v1", "a//b", "a_-b", "a..b",
        "-a", "a-", "web:-1", f"web:{'x' * 129}", "http://registry/web", "docker://web:v1", "wéb", "web v1",
        "re_g.example.net/web", "registry:port/web", "-r.example.net/web", "[::1/web", "0" * 64, "x" * 256,
        "web:v1\n", "web@", "web@sha256:", f"web@sha256:{'0' * 63}", f"web@{DIGEST.upper()}",
        f"web@{DIGEST[:-1]}g", f"web@md5:{'0' * 32}", f"web@{DIGEST}@{DIGEST}", "x" * 10_000_000,
    ],
)  # fmt: skip
def test_what_is_no_image(image: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(image)
