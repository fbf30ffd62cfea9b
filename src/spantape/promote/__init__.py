"""Production traces made replayable: spans of whatever instrumentation to steps, each with an honest grade.

::

    from spantape.promote import steps
    from spantape.tape.build import tape_of

    promoted = steps(spans)                       # the spans of one run, as `tape.otlp_read` gives them
    tape = tape_of([step.span for step in promoted])
"""

from __future__ import annotations

from spantape.promote.foreign import Event, ForeignCall, Loss, read_events
from spantape.promote.grades import Grade
from spantape.promote.steps import PromotedStep, steps

__all__ = ["Event", "ForeignCall", "Grade", "Loss", "PromotedStep", "read_events", "steps"]
