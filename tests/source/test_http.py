"""Repositories over HTTP, from a server on the loopback: git's own backend, plain files, and trouble."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from tests.source.conftest import Work, shown

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


class Backend(BaseHTTPRequestHandler):
    """`git http-backend` as CGI; with `user:password` in `allowed`, only for those."""

    root: Path
    allowed: str = ""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        if self.allowed and given != f"Basic {base64.b64encode(self.allowed.encode()).decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815  # http.server wants these names

    def log_message(self, format: str, *args: object) -> None:
        pass


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(handler: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def bare(work: Work, tmp_path: Path) -> Path:
    work.commit({"a.yaml": "1"}, "first")
    work.commit({"a.yaml": "2"}, "second")
    work.git("clone", "--quiet", "--bare", str(work.path), str(tmp_path / "srv" / "x.git"))
    return tmp_path / "srv" / "x.git"


def backend(root: Path, allowed: str = "") -> type[Backend]:
    return type("Here", (Backend,), {"root": root, "allowed": allowed})


def test_a_server_that_speaks_gits_protocol(bare: Path, serve: Callable[[Any], str], remote: Remote) -> None:
    source = remote(f"http://{serve(backend(bare.parent))}/x.git")
    snapshot = source.fetch()
    assert (snapshot.revision.subject, shown(snapshot.root)) == ("second", {"a.yaml": "2"})
    assert (source._mirror.git.git_dir / "shallow").exists(), "without the history"
    older = source.at(source._mirror.git.run("rev-parse", "HEAD", timeout=5).decode().strip())
    assert older == snapshot


def test_an_older_commit_over_http(
    bare: Path, work: Work, serve: Callable[[Any], str], remote: Remote
) -> None:
    source = remote(f"http://{serve(backend(bare.parent))}/x.git")
    source.fetch()
    first = work.git("rev-parse", "HEAD~1")
    older = source.at(first)
    assert older is not None and older.revision.subject == "first"


def test_a_server_of_plain_files(bare: Path, serve: Callable[[Any], str], remote: Remote) -> None:
    """git's "dumb" protocol knows no shallow copies."""
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)

    def handler(*args: Any) -> Quiet:
        return Quiet(*args, directory=str(bare.parent))

    snapshot = remote(f"http://{serve(handler)}/x.git").fetch()
    assert (snapshot.revision.subject, shown(snapshot.root)) == ("second", {"a.yaml": "2"})


def test_credentials(bare: Path, serve: Callable[[Any], str], remote: Remote) -> None:
    address = serve(backend(bare.parent, "ada:hunter2"))
    assert remote(f"http://ada:hunter2@{address}/x.git").fetch().revision.subject == "second"
    for url in (f"http://{address}/x.git", f"http://ada:wrong-one@{address}/x.git"):
        with pytest.raises(SourceError, match="the server doesn't let us in") as caught:
            remote(url).fetch()
        assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [(404, "there is no such repository"), (403, "doesn't let us in"), (502, "can't be reached")],
)
def test_a_server_that_refuses(code: int, said: str, serve: Callable[[Any], str], remote: Remote) -> None:
    class Refuses(Quiet):
        def do_GET(self) -> None:
            self.send_error(code)

    with pytest.raises(SourceError, match=said):
        remote(f"http://{serve(Refuses)}/x.git").fetch()


def test_a_server_that_talks_nonsense(serve: Callable[[Any], str], remote: Remote) -> None:
    class Nonsense(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

    with pytest.raises(SourceError):
        remote(f"http://{serve(Nonsense)}/x.git").fetch()


def test_a_server_that_was_down_is_found_again(
    bare: Path, serve: Callable[[Any], str], remote: Remote, tmp_path: Path
) -> None:
    address = serve(backend(bare.parent))
    source = remote(f"http://{address}/x.git")
    source.fetch()
    away = bare.with_name("away")
    bare.rename(away)
    with pytest.raises(SourceError):
        source.fetch()
    away.rename(bare)
    assert source.fetch().revision.subject == "second"
    assert source.error() is None
