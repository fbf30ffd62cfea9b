"""`import spantape.auto` instruments the program: its model calls and tools are spans from here on.

Settings are the standard `OTEL_*` variables. Without any setting for an exporter, tapes are written to `./tapes`
(`SPANTAPE_DIR`). Never fails: what goes wrong is logged, and the program runs as without it.
"""

from spantape._guard import guarded
from spantape import instrument

handle = guarded(instrument)
