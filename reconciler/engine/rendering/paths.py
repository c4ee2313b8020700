"""HAProxy's rules that find out what a request's path means, before anything is decided by it.

The same as `model.request_path.canonical`, for paths as clients send them. What pods are sent stays as it was
asked: an encoded slash is still one for them. So the path is rewritten, read into `txn.path`, and put back.
"""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 8000
"""Bytes of a path, as nginx takes; encoded anew it still fits into one of HAProxy's buffers."""

_KEPT = "regsub('%(2[035]|[01][0-9A-Fa-f]|7[Ff])','%25\\1',g),regsub('%3[Ff]','%253F',g)"
"""What is no text of a path stays encoded: control characters, blanks, `#`, `%` and `?`."""
_HOST = r"'^([a-z0-9._-]*|\[[0-9a-f:.]*\])(:[0-9]*)?$'"
"""A name or an address, and a port. Routes are found by host and path in one text: a slash in the host would
begin another path.
"""
_CLIMBS = "{ var(txn.path) -m reg '/[.][.](;[^/]*)?(/|$)' }"


def meant() -> Iterator[str]:
    """`txn.path` is what is meant, unset where a request has no path (`OPTIONS *`)."""
    yield f"  http-request return status 414 if {{ path,length gt {LONGEST} }}"
    refused = f"{{ req.hdr(host) -m found }} !{{ req.hdr(host) -m reg -i {_HOST} }}"
    yield f"  http-request deny deny_status 400 if {refused}"
    yield "  http-request deny deny_status 400 if { path -m sub %00 '#' }"
    # By the URL standard of browsers, and of programs in Node.js, it is a slash.
    yield r"  http-request deny deny_status 400 if { path -m sub '\' }"
    yield "  http-request set-var(txn.asked) pathq"
    yield f'  http-request set-var(txn.path) "path,{_KEPT},url_dec"'
    # It can't be decoded.
    yield "  http-request deny deny_status 400 if { path -m found } !{ var(txn.path) -m found }"
    # Servers differ in what `..` takes away behind these, so one of them could be led past a limit.
    yield f"  http-request deny deny_status 400 if {_CLIMBS} {{ var(txn.path) -m sub // ; }}"
    yield f"  http-request deny deny_status 400 if {_CLIMBS} {{ path -m sub -i %2f }}"
    yield "  http-request set-var(txn.path) \"var(txn.path),regsub(';[^/]*','',g)\""
    yield "  http-request set-path %[var(txn.path)] if { var(txn.path) -m found }"
    for one in ("path-merge-slashes", "path-strip-dot", "path-strip-dotdot full"):
        yield f"  http-request normalize-uri {one}"
    yield "  http-request set-var(txn.path) path if { var(txn.path) -m found }"
    yield "  http-request set-pathq %[var(txn.asked)] if { var(txn.asked) -m found }"
