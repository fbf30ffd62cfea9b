"""Fields that differ in every run of a model: ids, times, token counts."""

from __future__ import annotations

import re
from typing import Final

_VOLATILE: Final = frozenset(
    {
        *(
            "id",
            "created",
            "created_at",
            "completed_at",
            "createTime",
            "timestamp",
            "request_id",
            "response_id",
        ),
        *(
            "responseId",
            "generation_id",
            "system_fingerprint",
            "obfuscation",
            "usage",
            "usageMetadata",
            "latencyMs",
        ),
        *("tool_call_id", "call_id", "item_id", "total_duration", "load_duration", "eval_duration"),
    }
)
_NAMES: Final = re.compile(r'[^.\[\]"]+')


def is_volatile(path: str) -> bool:
    """Whether a field of an answer differs in every run: an id, a time, a token count or anything inside one."""
    return not _VOLATILE.isdisjoint(_NAMES.findall(path))
