"""Where spans come from: files of any exporter, whatever they are packed in, told apart by their content.

`find` turns what was named (paths, directories, globs, URLs) into files; `read` gives the spans of one, each with the
line or message that it stood in. A reader of a format is a pure function of one document's bytes.
"""

from __future__ import annotations

from spantape.promote.sources._base import Found, Source, SourceDamaged, decode
from spantape.promote.sources.finding import Passed, find
from spantape.promote.sources.reading import Placed, read

__all__ = ["Found", "Passed", "Placed", "Source", "SourceDamaged", "decode", "find", "read"]
