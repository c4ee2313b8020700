"""Say something to an echo and hear what comes back, from wherever a client can stand; or resolve a name.

`python say.py tcp|udp HOST PORT WORD` prints the answer; `python say.py name NAME` its addresses. Stdlib
only.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence

TIMEOUT_S = 5.0


def say(kind: str, host: str, port: int, word: str, *, at: Sequence[str] = ()) -> str:
    """What the echo at `host` answers to `word`; over TCP until the word came back. `at` as for `load`.

    Raises AssertionError when it doesn't answer within 5 s.
    """
    return _run(at, kind, host, str(port), word)


def addresses(name: str, *, at: Sequence[str] = ()) -> list[str]:
    """IPv4 addresses of `name` by the resolver there, sorted; none when there is no such name."""
    return _run(at, "name", name).split()


def _run(at: Sequence[str], *arguments: str) -> str:
    done = subprocess.run(
        [*at, sys.executable, __file__, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, f"{arguments} from {' '.join(at) or 'outside'}: {done.stderr}"
    return done.stdout


def tcp(host: str, port: int, word: bytes) -> bytes:
    """The server speaks first; we only do once it did."""
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        got = connection.recv(4096)
        connection.sendall(word)
        while got and not got.endswith(word):
            more = connection.recv(4096)
            if not more:
                raise ConnectionError(f"it ended after {got!r}")
            got += more
        return got


def udp(host: str, port: int, word: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect((host, port))
        client.send(word)
        return client.recv(65536)


def resolve(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror:
        return ""
    return "\n".join(sorted({str(entry[4][0]) for entry in found}))


def main(kind: str, host: str, port: str = "0", word: str = "") -> None:
    if kind == "name":
        print(resolve(host))
    else:
        answer = (tcp if kind == "tcp" else udp)(host, int(port), word.encode())
        sys.stdout.write(answer.decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
