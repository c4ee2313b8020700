"""An ACME server that answers without an end."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from reconciler.certificates import answers
from reconciler.certificates.answers import BoundedAdapter


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            if self.path == "/short":
                self.wfile.write(b'{"a": 1}')
            else:
                while True:
                    self.wfile.write(b" " * 4096)
        except OSError:
            pass

    def log_message(self, *_: object) -> None: ...


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with requests.Session() as session:
            session.mount("http://", BoundedAdapter())
            assert session.get(f"{url}/short", timeout=60).json() == {"a": 1}
            with pytest.raises(requests.exceptions.ConnectionError, match="more than 1 MiB"):
                session.get(f"{url}/endless", timeout=60)
            monkeypatch.setattr(answers, "LONGEST_S", -1.0)
            with pytest.raises(requests.exceptions.Timeout, match="no whole answer within"):
                session.get(f"{url}/endless", timeout=60)
    finally:
        server.shutdown()
        server.server_close()
