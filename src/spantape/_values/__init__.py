"""Python values as JSON and back, by annotation: what tools and agents are called with and give back.

JSON holds less than Python does, so a few values stand as an object with one marked key (`_markers`); what can be
told from an annotation alone (a set, a dataclass, a date) stands unmarked, readable by anyone. `lossy` says, before
it is too late, which value will not come back.
"""

from __future__ import annotations

from spantape._values._arguments import bind_arguments
from spantape._values._compare import lossy
from spantape._values._hints import return_annotation
from spantape._values._read import from_json
from spantape._values._write import MAX_DEPTH, to_json

__all__ = ["MAX_DEPTH", "bind_arguments", "from_json", "lossy", "return_annotation", "to_json"]
