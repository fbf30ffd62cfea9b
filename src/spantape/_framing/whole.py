"""Whether a body that was not read to its end holds all that was sent: clients stop at the last event."""

from __future__ import annotations

import re
from typing import Final

from spantape._model import Headers, header

_FINAL: Final = re.compile(rb'"type"\s*:\s*"(?:message_stop|response\.(?:completed|incomplete|failed))"')
_DONE: Final = b"[DONE]"
_HEAD_BYTES: Final = 512


def is_whole(headers: Headers, body: bytes) -> bool:
    """Whether `body` is as long as its content-length says, or ends in the event that ends a stream of its API.

    `body` has its content-encoding undone; `headers` describe it as it is.
    """
    length = header(headers, "content-length")
    if length is not None:
        return length.strip() == str(len(body))
    line = body[max(body.rfind(b"\ndata:"), body.rfind(b"\rdata:"), 0) :].lstrip()
    if not line.startswith(b"data:"):
        return False
    data = line[len(b"data:") :].strip()
    if data == _DONE:
        return True
    return data.endswith(b"}") and body[-1:] in b"\r\n" and _FINAL.search(data[:_HEAD_BYTES]) is not None
