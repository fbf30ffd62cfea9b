"""Runs whose calls name the answer before them instead of resending the history: OpenAI's `previous_response_id`."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Final

from spantape._spans.runs import Found, Run

ANSWERS: Final = 1024
_PREVIOUS: Final = re.compile(rb'(?<!\\)"previous_response_id"\s*:\s*"([^"\\]{1,256})"')


class Answers:
    """The newest stored answers of rootless runs, by response id. Thread-safe."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Found] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, response_id: str, run: Run, span_context: object) -> None:
        """Keep that `response_id` was answered in `run`, in the span of that context."""
        with self._lock:
            self._by_id[response_id] = Found(run, span_context)
            self._by_id.move_to_end(response_id)
            if len(self._by_id) > ANSWERS:
                self._by_id.popitem(last=False)

    def followed(self, raw: bytes) -> Found | None:
        """The run of the answer that the request `raw` names as the one before it."""
        if not self._by_id or b'"previous_response_id"' not in raw:
            return None
        with self._lock:
            return next(
                (found for match in _PREVIOUS.finditer(raw) if (found := self._by_id.get(_text(match)))), None
            )


def _text(match: re.Match[bytes]) -> str:
    return match[1].decode("utf-8", "replace")
