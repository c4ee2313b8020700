"""An ACME server's answers, of so many bytes and within so many seconds: `requests` itself knows no end."""

from __future__ import annotations

import time
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as Broken
from requests.exceptions import Timeout

MOST_BYTES = 1 << 20
LONGEST_S = 120.0


class BoundedAdapter(HTTPAdapter):
    """For a session of `requests`. Raises its `RequestException`, as its own adapter does."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        end = time.monotonic() + LONGEST_S
        response = super().send(request, *args, **{**kwargs, "stream": True})
        kept = bytearray()
        for chunk in response.iter_content(65536):
            kept += chunk
            if len(kept) > MOST_BYTES:
                response.close()
                raise Broken(f"an answer of more than {MOST_BYTES >> 20} MiB", request=request)
            if time.monotonic() > end:
                response.close()
                raise Timeout(f"no whole answer within {LONGEST_S:g} s", request=request)
        response._content = bytes(kept)  # what `content` gives once all is consumed
        return response
