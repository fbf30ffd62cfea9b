"""What users and our own tests share: a scripted model server, a fixed clock, counted ids, an OTLP receiver.

::

    from spantape.testing import ModelServer, text, tool_call

    with ModelServer([tool_call("weather", {"city": "Oslo"}), text("It rains.")]) as server:
        client = openai.OpenAI(base_url=server.base_url("openai"), api_key="none")
        …
"""

from __future__ import annotations

from spantape.testing._message import Gate, ReceivedRequest
from spantape.testing.brain import weather_brain
from spantape.testing.clock import FixedClock
from spantape.testing.collector import OtlpReceiver, attributes_of
from spantape.testing.exchanges import ExchangeServer
from spantape.testing.ids import CountedIds
from spantape.testing.prompt import Prompt, Tool
from spantape.testing.replies import (
    Reply,
    Usage,
    disconnect,
    embedding,
    error,
    raw,
    reasoning,
    refusal,
    text,
    tool_call,
)
from spantape.testing.server import ModelServer

__all__ = [
    "CountedIds",
    "ExchangeServer",
    "FixedClock",
    "Gate",
    "ModelServer",
    "OtlpReceiver",
    "Prompt",
    "ReceivedRequest",
    "Reply",
    "Tool",
    "Usage",
    "attributes_of",
    "disconnect",
    "embedding",
    "error",
    "raw",
    "reasoning",
    "refusal",
    "text",
    "tool_call",
    "weather_brain",
]
