"""`import spantape.auto` instruments the program: its model calls and tools are spans from here on.

A TracerProvider that the program has set, or sets before its first model call, is used. Where there is none by then,
one is made from the standard `OTEL_*` variables and set; without any setting for an exporter, tapes are written to
`./tapes` (`SPANTAPE_DIR`). A program that sets its provider later than that is told by OpenTelemetry that it cannot.
Never fails: what goes wrong is logged, and the program runs as without it.
"""

from spantape._guard import guarded
from spantape._instrument import instrument_late

handle = guarded(instrument_late)
