"""What the bytes of each wire API mean: `recognise` finds the dialect of a request, `provider_name` whose it is."""

from __future__ import annotations

from spantape._dialects._base import Answered, Asked, Attribute, Dialect, Message
from spantape._dialects._hosts import known_host, provider_name
from spantape._dialects._routes import recognise

__all__ = [
    "Answered",
    "Asked",
    "Attribute",
    "Dialect",
    "Message",
    "known_host",
    "provider_name",
    "recognise",
]
