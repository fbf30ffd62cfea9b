"""What OpenAI's endpoints share: headers and errors.

See: <https://platform.openai.com/docs/guides/error-codes>
"""

from __future__ import annotations

from typing import Any, Final

from spantape._model import Headers
from spantape.testing._wire.base import Call
from spantape.testing.replies import Failing

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def headers(call: Call) -> Headers:
    """The response headers that the SDK and its users look at."""
    return (
        ("x-request-id", f"req_{call.mark}"),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "7"),
    )


def error_body(failing: Failing, status: int, _call: Call) -> dict[str, Any]:
    """The body of an error."""
    otherwise = "server_error" if status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": failing.message,
            "type": failing.type or _TYPES.get(status, otherwise),
            "param": None,
            "code": failing.code,
        }
    }
